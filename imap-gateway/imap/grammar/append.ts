/**
 * The arguments of APPEND (RFC 9051 §6.3.12): what stands before the message, and what follows it. With UTF8=ACCEPT the message may come
 * as `UTF8 (~{n}…)` (RFC 6855 §4).
 */
import type { DateTime } from '#mail/mime/message-index.ts';
import type { Flags } from '#store/types.ts';
import { CLOSE, type Cursor, DQUOTE, OPEN } from './cursor.ts';
import { parseDateTime } from './date.ts';
import { parseFlagList } from './flags.ts';
import { parseMailbox } from './mailbox.ts';

export interface AppendHead {
  readonly mailbox: string;
  readonly flags: Flags;
  readonly date?: DateTime;
  /** The message is in the UTF8 form, whose parenthesis is to be closed behind it. */
  readonly utf8: boolean;
}

/** From behind the SP behind the name up to the literal, which is not read. */
export function parseAppendHead(cursor: Cursor): AppendHead {
  const mailbox = parseMailbox(cursor);
  cursor.sp();
  let flags: Flags = [];
  if (cursor.peek() === OPEN) {
    flags = parseFlagList(cursor);
    cursor.sp();
  }
  let date: DateTime | undefined;
  if (cursor.peek() === DQUOTE) {
    date = parseDateTime(cursor);
    cursor.sp();
  }
  const utf8 = cursor.tryKeyword('UTF8');
  if (utf8) {
    cursor.sp();
    cursor.expect(OPEN);
  }
  return { mailbox, flags, utf8, ...(date && { date }) };
}

/** From behind the literal to the end. */
export function parseAppendTail(cursor: Cursor, head: AppendHead): void {
  if (head.utf8) cursor.expect(CLOSE);
  cursor.end();
}
