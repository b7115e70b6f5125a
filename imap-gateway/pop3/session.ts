/**
 * What one POP3 connection is (RFC 1939 §3): a state that carries its data. Plain data, no sockets; commands read it and install the next state by
 * assigning `session.state`.
 */
import type { Lease } from '#runtime/coordination.ts';
import type { Login } from '#store/directory.ts';
import type { Access } from '#store/types.ts';
import type { Maildrop } from './maildrop/maildrop.ts';

export type SessionState =
  /** `user`: what USER said, until PASS. */
  | { readonly name: 'authorization'; readonly user?: string }
  | {
      readonly name: 'transaction';
      readonly login: Login;
      readonly access: Access;
      readonly maildrop: Maildrop;
      /** The maildrop is this session's alone; free where others may come in. */
      readonly lock: Lease;
    }
  /** Between QUIT and the end of the connection: what was marked is removed, and no command is taken. */
  | { readonly name: 'update' };

export type StateName = SessionState['name'];
export type StateOf<N extends StateName> = Extract<SessionState, { readonly name: N }>;

export interface Session {
  /** The connection's id: in log lines and in the text of temporary failures. */
  readonly id: string;
  state: SessionState;
  /** UTF8 was asked for (RFC 6856 §2.1): headers may be sent as they are. */
  utf8: boolean;
}

export function newSession(id: string): Session {
  return { id, state: { name: 'authorization' }, utf8: false };
}

/** RFC 2595 §4: nothing from before STLS survives it. */
export function forgetEverything(session: Session): void {
  session.state = { name: 'authorization' };
  session.utf8 = false;
}
