/** A value that components follow and that plain functions can set: for what the whole page shares. */
import { useEffect, useState } from 'preact/hooks';

/**
 * @template T
 * @typedef {{ get: () => T, set: (value: T) => void, follow: (listener: (value: T) => void) => () => void }} State
 */

/**
 * @template T
 * @param {T} value
 * @returns {State<T>}
 */
export function createState(value) {
  /** @type {Set<(value: T) => void>} */
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const listener of listeners) listener(next);
    },
    follow(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * @template T
 * @param {State<T>} state
 * @returns {T}
 */
export function useShared(state) {
  const [value, setValue] = useState(() => state.get());
  useEffect(() => {
    setValue(() => state.get());
    return state.follow((next) => setValue(() => next));
  }, [state]);
  return value;
}
