/**
 * Cursors: opaque base64url of what a list is ordered by, never an offset, so that a page continues where the last one ended whatever came and went meanwhile.
 *
 *     const after = readCursor(query.cursor, Key);                       // Key: a typebox schema, often a tuple
 *     const rows = await list(after, limit + 1);                         // one more than asked tells whether there is a next page
 *     return page(rows, limit, (row) => [row.receivedAt, row.id]);
 */
import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { HttpProblem } from './problems.ts';

export const DEFAULT_LIMIT = 50;

export function writeCursor(key: unknown): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** `undefined` without a cursor. @throws HttpProblem 400 for one that isn't from us. */
export function readCursor<T extends TSchema>(cursor: string | undefined, schema: T): Static<T> | undefined {
  if (cursor === undefined) return undefined;
  const key = parsed(cursor);
  if (Check(schema, key)) return key;
  throw new HttpProblem('bad-request', 'The cursor is not one of this list', {
    errors: [{ path: '/query/cursor', message: 'is not one of this list' }],
  });
}

/** @param rows up to `limit` + 1 of them, in order. @param keyOf what the list is ordered by. */
export function page<T>(
  rows: readonly T[],
  limit: number | undefined,
  keyOf: (row: T) => unknown,
): { items: readonly T[]; next?: string } {
  const items = rows.slice(0, limit ?? DEFAULT_LIMIT);
  const last = items.at(-1);
  return rows.length > items.length && last !== undefined ? { items, next: writeCursor(keyOf(last)) } : { items };
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
