/** The pure parts between framer and commands: tag and name of what came in, and the tagged result of what came of it. */
import { ConnectionClosed } from '#runtime/connection.ts';
import { type CommandContext, type Completion, Refused } from './command.ts';
import type { CommandPart } from './framer.ts';
import { Cursor } from './grammar/cursor.ts';
import { ParseError } from './grammar/parse-error.ts';
import { MailboxGone } from './notify.ts';
import { refusalFor } from './response/codes.ts';
import { type Session, usesUtf8 } from './session.ts';

export type Head = {
  /** `*` when it can't be read: the answer is untagged then (RFC 9051 §7.1.3). */
  readonly tag: string;
  /** Stands behind the name. */
  readonly cursor: Cursor;
} & (
  | { readonly command: { readonly name: string; readonly uid: boolean } }
  | { readonly command?: undefined; readonly problem: string }
);

export function readHead(parts: readonly CommandPart[], session: Session): Head {
  const cursor = new Cursor(parts, { utf8: usesUtf8(session) });
  let tag = '*';
  try {
    tag = cursor.tag();
    cursor.sp();
    let name = cursor.keyword();
    const uid = name === 'UID';
    if (uid) {
      cursor.sp();
      name = cursor.keyword();
    }
    return { tag, cursor, command: { name, uid } };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return { tag, cursor, problem: error.message };
  }
}

/** What a throw comes to. A lost connection and a lost mailbox end the session: they are thrown on. */
export function refusal(error: unknown, context: Pick<CommandContext, 'session' | 'log' | 'tag'>): Completion {
  if (error instanceof ConnectionClosed || error instanceof MailboxGone) throw error;
  if (error instanceof Refused) return error.completion;
  if (error instanceof ParseError) return { status: 'BAD', text: oneLine(error.message) };
  const answer = refusalFor(error, context.session.id);
  if (answer.code === 'SERVERBUG') context.log.error({ err: error, tag: context.tag }, 'a command failed');
  return { ...answer, text: oneLine(answer.text) };
}

export function formatCompletion(tag: string, completion: Completion): string {
  const code = completion.code === undefined ? '' : `[${completion.code}] `;
  return `${tag} ${completion.status} ${code}${completion.text}\r\n`;
}

/** Texts may quote what a client sent; a response is one line of US-ASCII (RFC 9051 §9 resp-text). */
function oneLine(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 400) || 'Refused';
}
