/** Parenthesised lists. */
import { CLOSE, type Cursor, OPEN, SP } from './cursor.ts';

/** `(item SP item …)`; empty lists only where the grammar has them. */
export function parseParenthesised<T>(cursor: Cursor, item: (cursor: Cursor) => T, empty: 'empty' | 'filled'): T[] {
  cursor.expect(OPEN);
  const items: T[] = [];
  if (empty === 'empty' && cursor.try(CLOSE)) return items;
  do items.push(item(cursor));
  while (cursor.try(SP));
  cursor.expect(CLOSE);
  return items;
}
