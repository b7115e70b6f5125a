/** Flags as clients give them (RFC 9051 §9 flag, flag-list). */
import type { Flags } from '#store/types.ts';
import { type Cursor, OPEN, SP } from './cursor.ts';
import { parseParenthesised } from './list.ts';

const BACKSLASH = 0x5c;
const SYSTEM: ReadonlyMap<string, string> = new Map(
  ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen'].map((flag) => [flag.toUpperCase(), flag]),
);
/** Keywords are stored with every message: a bound keeps rows small. */
export const MAX_KEYWORD = 100;
export const MAX_FLAGS = 100;

/**
 * A system flag in its canonical spelling, or a keyword as written. `\Recent` can't be stored and RFC 9051 knows no other
 * names with a backslash (flag-extension is reserved): they are refused.
 */
export function parseFlag(cursor: Cursor): string {
  if (cursor.try(BACKSLASH)) {
    const flag = SYSTEM.get(`\\${cursor.keyword()}`);
    return flag ?? cursor.fail('this flag can not be stored');
  }
  return parseKeyword(cursor);
}

export function parseKeyword(cursor: Cursor): string {
  const keyword = cursor.atom();
  if (keyword.length > MAX_KEYWORD) cursor.fail('keyword too long');
  return keyword;
}

/** `(\Seen work)`, possibly empty. */
export function parseFlagList(cursor: Cursor): Flags {
  const flags = parseParenthesised(cursor, parseFlag, 'empty');
  if (flags.length > MAX_FLAGS) cursor.fail('too many flags');
  return flags;
}

/** STORE takes a list without parentheses too. */
export function parseStoreFlags(cursor: Cursor): Flags {
  if (cursor.peek() === OPEN) return parseFlagList(cursor);
  const flags: string[] = [];
  do flags.push(parseFlag(cursor));
  while (cursor.try(SP));
  if (flags.length > MAX_FLAGS) cursor.fail('too many flags');
  return flags;
}
