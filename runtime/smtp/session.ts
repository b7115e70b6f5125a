/**
 * What a receiver of SMTP or LMTP knows of a session: a union by state, with the transaction as one object, so that RSET is one assignment.
 * `R` is what a program keeps for a recipient it accepted, `L` what it knows of who logged in.
 */
import type { Hello } from '#mail/smtp/command.ts';
import type { MailArguments } from '#mail/smtp/mail-command.ts';
import type { Content } from './receiver-content.ts';

/** RFC 5321 §4.1.4: begun by MAIL; the buffers live and die together. */
export interface Transaction<R> {
  readonly mail: MailArguments;
  readonly recipients: readonly R[];
}

interface Known<L> {
  readonly hello: Hello;
  readonly login: L | undefined;
}

export type Session<R, L> =
  | { readonly state: 'connected' }
  | ({ readonly state: 'greeted' } & Known<L>)
  | ({ readonly state: 'transaction'; readonly transaction: Transaction<R> } & Known<L>)
  /** RFC 3030: BDAT has begun, and only BDAT goes on with it. */
  | ({ readonly state: 'chunking'; readonly transaction: Transaction<R>; readonly content: Content } & Known<L>)
  /** RFC 3030 §2: a BDAT failed; further chunks are thrown away until LAST or RSET. */
  | ({ readonly state: 'spoilt' } & Known<L>);

export type SessionState = Session<unknown, unknown>['state'];

/** The states in which the client has said who it is. */
export type GreetedSession<R, L> = Exclude<Session<R, L>, { state: 'connected' }>;

/** Ends the transaction, if any, and lets go of its content. */
export function reset<R, L>(session: GreetedSession<R, L>): Session<R, L> {
  abandon(session);
  return { state: 'greeted', hello: session.hello, login: session.login };
}

/** Releases what a session holds when nobody will ask for it any more. */
export function abandon<R, L>(session: Session<R, L>): void {
  if (session.state === 'chunking') session.content.abort();
}
