/** STATUS data items (RFC 9051 §6.3.11, RFC 7162 §3.1.2.2, RFC 7889 §4, RFC 8474 §4.3, RFC 9208 §4.1.4). */
import type { Cursor } from './cursor.ts';
import { parseParenthesised } from './list.ts';

export const STATUS_ITEMS = [
  'MESSAGES',
  'RECENT',
  'UIDNEXT',
  'UIDVALIDITY',
  'UNSEEN',
  'DELETED',
  'SIZE',
  'HIGHESTMODSEQ',
  'APPENDLIMIT',
  'MAILBOXID',
  'DELETED-STORAGE',
] as const;

export type StatusItem = (typeof STATUS_ITEMS)[number];

const KNOWN: ReadonlySet<string> = new Set(STATUS_ITEMS);

/** `(MESSAGES UNSEEN)`, each item once in the order asked. */
export function parseStatusItems(cursor: Cursor): StatusItem[] {
  const items = parseParenthesised(
    cursor,
    (c) => {
      const item = c.keyword();
      return KNOWN.has(item) ? (item as StatusItem) : c.fail(`unknown status item ${item.slice(0, 40)}`);
    },
    'filled',
  );
  return [...new Set(items)];
}
