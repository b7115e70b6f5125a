/** Acts that need the owner’s password. */
import { Problem } from '../lib/problem.js';

/**
 * A wrong password is told at its field.
 * @template T
 * @param {() => Promise<T>} ask
 * @param {string} [field]
 * @returns {Promise<T>}
 */
export async function asked(ask, field = 'password') {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'bad-credentials' || error.errors.length > 0) throw error;
    const detail = 'This is not your present password.';
    const errors = [{ path: `/body/${field}`, message: detail }];
    throw new Problem({ status: 401, code: error.code, detail, errors });
  }
}
