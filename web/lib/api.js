/**
 * REST, and the session behind it. Whoever asks needn’t care whether the session is still there: when it has ended, the sign-in comes up over the page,
 * and the request goes on afterwards, so that nothing that was typed is lost.
 */
import { Problem } from './problem.js';
import { createState } from './state.js';

/** @typedef {{ readonly id: string, readonly address: string, readonly admin: boolean, readonly secondFactor: boolean }} Who */
/** @typedef {{ readonly csrf?: string, readonly account?: Who, readonly scopes: readonly string[], readonly recoveryCodes?: number }} Session */

/** Undefined until it is known, null while nobody is signed in. */
export const session = createState(/** @type {Session | null | undefined} */ (undefined));

/** While the session has ended under an open page: how to say that somebody has signed in again. */
export const waiting = createState(/** @type {undefined | (() => void)} */ (undefined));
/** @type {Promise<void> | undefined} */
let signedInAgain;

/** Who is signed in, at the start of the page. */
export async function findSession() {
  try {
    session.set((await whoAmI()) ?? null);
  } catch (error) {
    session.set(null);
    throw error;
  }
}

/**
 * @param {{ address: string, password: string, code?: string }} given `code` of the second factor, where REST has asked for one
 * @returns {Promise<Session>}
 */
export async function signIn(given) {
  const now = await answer(await send('POST', '/session', given));
  session.set(now);
  waiting.get()?.();
  return now;
}

export async function signOut() {
  await unless401(await send('DELETE', '/session'));
  session.set(null);
}

/**
 * @param {string} path below /api/v1
 * @returns {Promise<any>}
 */
export const get = (path) => request('GET', path);

/**
 * @param {'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} method
 * @param {string} path below /api/v1
 * @param {object} [body]
 * @returns {Promise<any>} the JSON of the answer; undefined where it has none
 */
export async function request(method, path, body) {
  for (let tries = 0; ; tries++) {
    const response = await send(method, path, body);
    const refused = response.status === 401 || response.status === 403;
    if (!refused || tries === 3) return await answer(response);
    const problem = await answer(response).catch((error) => error);
    if (!(await mended())) throw problem;
  }
}

/** Whether it is worth to ask again: the session had ended, or another tab has replaced it. */
async function mended() {
  const before = session.get();
  const now = await whoAmI();
  if (now === undefined) {
    await signInAgain();
    return true;
  }
  if (now.account?.id !== before?.account?.id) location.reload();
  if (now.csrf === before?.csrf) return false;
  session.set(now);
  return true;
}

/** However many requests wait for it, people are asked once. */
function signInAgain() {
  signedInAgain ??= new Promise((resolve) => {
    waiting.set(() => {
      waiting.set(undefined);
      signedInAgain = undefined;
      resolve();
    });
  });
  return signedInAgain;
}

/** @returns {Promise<Session | undefined>} */
async function whoAmI() {
  return await unless401(await send('GET', '/session'));
}

/**
 * @param {Response} response
 * @returns {Promise<any>} undefined where nobody is signed in
 */
async function unless401(response) {
  if (response.status !== 401) return await answer(response);
  // Read to its end, or the connection is not free.
  await response.text();
  return undefined;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 */
async function send(method, path, body) {
  const csrf = session.get()?.csrf;
  const headers = {
    ...(body && { 'content-type': 'application/json' }),
    ...(csrf !== undefined && method !== 'GET' && { 'x-csrf-token': csrf }),
  };
  try {
    return await fetch(`/api/v1${path}`, {
      method,
      headers,
      cache: 'no-store',
      ...(body && { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem({ status: 0, code: 'unreachable', detail: '' });
  }
}

/**
 * @param {Response} response
 * @returns {Promise<any>}
 */
async function answer(response) {
  const text = await response.text();
  const json = text === '' || !/json/.test(response.headers.get('content-type') ?? '') ? undefined : JSON.parse(text);
  if (response.ok) return json;
  throw new Problem({ status: response.status, code: 'internal-error', detail: response.statusText, ...json });
}

/**
 * A path with its query; what is empty is left out.
 * @param {string} path
 * @param {{ readonly [name: string]: string | undefined }} query
 */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(/** @type {[string, string][]} */ (given)).toString();
  return text === '' ? path : `${path}?${text}`;
}
