/** The types of a SASL conversation; `mechanism.ts` says how to drive one. */
import type { MailError } from '../failure.ts';

/** `ScramCredentials` of `store/directory.ts` is one. */
export interface ScramSecret<L> {
  readonly login: L | undefined;
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
  /** Further passwords of the same user, under the same salt and iterations: any of them will do. */
  readonly others?: readonly { readonly login: L; readonly storedKey: Uint8Array; readonly serverKey: Uint8Array }[];
  /** Thrown once the proof was right: for a user who may not come in. */
  readonly refusal?: MailError;
}

/** RFC 9266 §2: `tls-exporter` and the exported octets. */
export interface ChannelBinding {
  readonly type: 'tls-exporter';
  readonly data: Uint8Array;
}

/** `L` is whatever identifies an account: `Login` of `store/directory.ts`. */
export interface SaslContext<L> {
  /** Secrets of a user; an unknown one gets stable made-up secrets and `login: undefined`, so that both look alike. */
  scram(username: string): Promise<ScramSecret<L>>;
  /** Random octets for nonces. */
  random(length: number): Uint8Array;
  /** Given when the connection can bind and the -PLUS mechanism was announced. */
  readonly channelBinding?: ChannelBinding;
}

/** `username` is who the client says it is, for counting attempts; `authzid` is whom it wants to act as (empty: itself). */
export type SaslOutcome<L> =
  | {
      readonly kind: 'password';
      readonly username: string;
      readonly authzid: string;
      readonly password: string;
    }
  /** The proof was checked already; `login` is undefined when it was wrong or the user unknown. */
  | { readonly kind: 'scram'; readonly username: string; readonly authzid: string; readonly login: L | undefined };

export type SaslExchange<L> = AsyncGenerator<Uint8Array, SaslOutcome<L>, Uint8Array>;
