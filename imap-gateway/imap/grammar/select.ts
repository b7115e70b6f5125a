/** The arguments of SELECT and EXAMINE (RFC 9051 §6.3.2, RFC 4466 §2.1, RFC 7162 §3.1.8). */
import { type Cursor, SP } from './cursor.ts';
import { parseParenthesised } from './list.ts';
import { parseMailbox } from './mailbox.ts';

export interface SelectArguments {
  readonly mailbox: string;
  readonly condstore: boolean;
}

/** From the SP behind the name to the end. */
export function parseSelect(cursor: Cursor): SelectArguments {
  cursor.sp();
  const mailbox = parseMailbox(cursor);
  const params = cursor.try(SP) ? parseParenthesised(cursor, parseParameter, 'filled') : [];
  cursor.end();
  return { mailbox, condstore: params.includes('CONDSTORE') };
}

function parseParameter(cursor: Cursor): 'CONDSTORE' {
  return cursor.tryKeyword('CONDSTORE') ? 'CONDSTORE' : cursor.fail('unknown select parameter');
}
