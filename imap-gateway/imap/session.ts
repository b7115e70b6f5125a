/**
 * What one IMAP connection is (RFC 9051 §3): a state that carries its data, and what the client has switched on. Plain data, no sockets;
 * commands read it and install the next state by assigning `session.state`.
 */
import type { Login } from '#store/directory.ts';
import type { Access, MailboxId, UidSet } from '#store/types.ts';
import type { Numbering } from './numbering.ts';
import type { View } from './view.ts';

export type SessionState =
  | { readonly name: 'not-authenticated' }
  | { readonly name: 'authenticated'; readonly login: Login; readonly access: Access }
  | {
      readonly name: 'selected';
      readonly login: Login;
      readonly access: Access;
      readonly selected: SelectedMailbox;
    }
  | { readonly name: 'logout' };

export type StateName = SessionState['name'];
export type StateOf<N extends StateName> = Extract<SessionState, { readonly name: N }>;

/** Extensions that change what we send (RFC 5161). CONDSTORE is switched on by other commands too (RFC 7162 §3.1). */
export type Enableable = 'CONDSTORE' | 'IMAP4rev2' | 'UTF8=ACCEPT';

export interface Session {
  /** The connection's id: in log lines and in the text of temporary failures. */
  readonly id: string;
  state: SessionState;
  readonly enabled: Set<Enableable>;
}

/** The mailbox that a session has selected. The view is shared by all sessions of the process; the numbering is this session's own. */
export interface SelectedMailbox {
  readonly id: MailboxId;
  readonly name: string;
  /** EXAMINE: nothing may be changed, \Seen included. */
  readonly readOnly: boolean;
  readonly uidValidity: number;
  readonly view: View;
  readonly numbering: Numbering;
  /** Keywords that the client has been told of by FLAGS. */
  readonly toldKeywords: Set<string>;
  /** `$` of SEARCHRES (RFC 5182), as UIDs; empty after SELECT. Expunged messages may stay in it: they are passed over. */
  saved: UidSet;
}

export function newSession(id: string): Session {
  return { id, state: { name: 'not-authenticated' }, enabled: new Set() };
}

/** RFC 9051 §5.1, RFC 6855 §3: mailbox names travel as UTF-8, and quoted strings may hold it; else modified UTF-7. */
export function usesUtf8(session: Session): boolean {
  return session.enabled.has('IMAP4rev2') || session.enabled.has('UTF8=ACCEPT');
}

export function isRev2(session: Session): boolean {
  return session.enabled.has('IMAP4rev2');
}
