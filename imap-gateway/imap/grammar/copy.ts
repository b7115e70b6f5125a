/** The arguments of COPY and MOVE (RFC 9051 §6.4.7, §6.4.8). */
import type { Cursor } from './cursor.ts';
import { parseMailbox } from './mailbox.ts';
import { parseSequenceSet, type SequenceSet } from './sequence-set.ts';

export interface CopyArguments {
  readonly set: SequenceSet;
  readonly mailbox: string;
}

/** From the SP behind the name to the end. */
export function parseCopy(cursor: Cursor): CopyArguments {
  cursor.sp();
  const set = parseSequenceSet(cursor);
  cursor.sp();
  const mailbox = parseMailbox(cursor);
  cursor.end();
  return { set, mailbox };
}
