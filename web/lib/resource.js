/** What a view shows, from REST: loaded when it appears, again on demand, and a list page by page. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { get, withQuery } from './api.js';

/**
 * @template T
 * @typedef {{ data: T | undefined, error: unknown, busy: boolean, at: number, reload: () => Promise<void> }} Resource
 * `data` stays while it is loaded again; `at` is when it was loaded.
 */

/**
 * @template T
 * @param {string} path
 * @returns {Resource<T>}
 */
export function useResource(path) {
  return useLoaded(path, () => get(path));
}

/**
 * @template T
 * @typedef {Resource<readonly T[]> & { more: undefined | (() => Promise<void>) }} List `more` is there while more is.
 */

/**
 * @template T
 * @param {string} path
 * @returns {List<T>}
 */
export function useList(path) {
  /** @type {Resource<{ items: readonly T[], next?: string }>} */
  const first = useLoaded(path, () => get(path));
  const [rest, setRest] = useState(
    /** @type {{ of: unknown, items: readonly T[], next?: string }} */ ({ of: undefined, items: [] }),
  );
  const [error, setError] = useState(/** @type {unknown} */ (undefined));
  const known = rest.of === first.data ? rest : { of: first.data, items: [], next: first.data?.next };
  const { next } = known;
  const more = async () => {
    try {
      const [base = '', query = ''] = path.split('?');
      const page = await get(withQuery(base, { ...Object.fromEntries(new URLSearchParams(query)), cursor: next }));
      setRest({ of: first.data, items: [...known.items, ...page.items], next: page.next });
    } catch (failed) {
      setError(failed);
    }
  };
  return {
    ...first,
    error: first.error ?? error,
    data: first.data && [...first.data.items, ...known.items],
    more: next === undefined ? undefined : more,
  };
}

/**
 * @template T
 * @param {string} key
 * @param {() => Promise<T>} load
 * @returns {Resource<T>}
 */
function useLoaded(key, load) {
  const [state, setState] = useState({
    key,
    data: /** @type {T | undefined} */ (undefined),
    error: /** @type {unknown} */ (undefined),
    busy: true,
    at: 0,
  });
  // An answer that comes late, to what nobody asks any more, is not looked at.
  const latest = useRef(0);
  const reload = async () => {
    const mine = ++latest.current;
    setState((now) => ({ ...now, key, busy: true }));
    try {
      const data = await load();
      if (mine === latest.current) setState({ key, data, error: undefined, busy: false, at: Date.now() });
    } catch (error) {
      if (mine === latest.current) setState((now) => ({ ...now, error, busy: false }));
    }
  };
  useEffect(() => {
    void reload();
    return () => {
      latest.current++;
    };
  }, [key]);
  const { data, error, busy, at } =
    state.key === key ? state : { ...state, data: undefined, error: undefined, busy: true };
  return { data, error, busy, at, reload };
}
