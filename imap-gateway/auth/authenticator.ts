/**
 * Checks who somebody is, for every protocol of the gateway. Failures are counted by `Coordination` under the peer's address across all
 * protocols and workers; too many of them slow down and then refuse further attempts, before any secret is looked at.
 */
import type { SaslContext, SaslOutcome } from '#mail/sasl/exchange.ts';
import type { Login } from '#store/directory.ts';

export interface Authenticator {
  /** Throws `limit-exceeded` when the address has failed too often. Ask before a conversation starts. */
  admit(remote: string): Promise<void>;
  /** For `startSasl`. */
  readonly sasl: SaslContext<Login>;
  /** The account, or throws `bad-credentials` after a delay; failures are counted against `remote`. */
  finish(outcome: SaslOutcome<Login>, remote: string): Promise<Login>;
}
