/**
 * Checks who somebody is, for every protocol of the gateway. Failures are counted (`LoginGuard`) by address and by the name that was tried, across
 * all protocols and workers: each makes the answer come later, and too many refuse further attempts before any secret is looked at.
 */
import { MailError } from '#mail/failure.ts';
import type { SaslContext, SaslOutcome } from '#mail/sasl/exchange.ts';
import { verifySasl } from '#mail/sasl/mechanism.ts';
import { networkMatcher } from '#runtime/address.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import type { Coordination } from '#runtime/coordination.ts';
import { createLoginGuard } from '#runtime/login-guard.ts';
import type { Metrics } from '#runtime/metrics/metrics.ts';
import type { AppScope, Directory, Login } from '#store/directory.ts';

export interface Authenticator {
  /** Throws `limit-exceeded` when the address has failed too often. Ask before a conversation starts. */
  admit(remote: string): Promise<void>;
  /** For `startSasl`. */
  readonly sasl: SaslContext<Login>;
  /** The account; throws `bad-credentials` after a delay, with the failure counted against `remote` and the name; `limit-exceeded` when the name has failed too often. */
  finish(outcome: SaslOutcome<Login>, remote: string): Promise<Login>;
  /** Counts what was wrong in another way than by SASL (a token), and answers after the same delay. @param name is kept as a hash only. */
  failed(remote: string, name: string): Promise<void>;
}

export interface AuthenticatorOptions {
  readonly directory: Pick<Directory, 'authenticate' | 'scram' | 'noteUse'>;
  /** Which app passwords are taken besides the account's own. */
  readonly use: AppScope;
  readonly coordination: Pick<Coordination, 'count'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly failuresPerMinute: number;
  /** Networks whose failures are neither counted nor delayed. */
  readonly exemptNetworks: readonly string[];
  readonly metrics?: Metrics;
}

/** How much later each further failure within the window is answered, and at most. */
const DELAY_STEP_MS = 500;
const DELAY_LIMIT_MS = 5_000;

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { directory, clock, random, metrics, use } = options;
  const guard = createLoginGuard(options.coordination, options.failuresPerMinute);
  const count = (result: string): void => metrics?.counter('logins_total', { program: 'imap-gateway', result }).add();
  const inExemptNetwork = networkMatcher(options.exemptNetworks);
  const isExempt = (remote: string): boolean => remote === 'unix' || inExemptNetwork(remote);
  const failed = async (remote: string, name: string): Promise<void> => {
    options.log.info({ remote }, 'a login failed');
    if (isExempt(remote)) return;
    const failures = await guard.failed(remote, name);
    const delay = Math.min(DELAY_LIMIT_MS, failures * DELAY_STEP_MS);
    await new Promise<void>((resolve) => clock.after(delay, resolve));
  };
  return {
    sasl: { scram: (username) => directory.scram(username, use), random: (length) => random.bytes(length) },

    async admit(remote) {
      if (isExempt(remote)) return;
      if (await guard.mayTry(remote)) return;
      count('refused');
      throw new MailError('limit-exceeded', 'Too many failed logins from your address, try again in a minute');
    },

    async finish(outcome, remote) {
      const exempt = isExempt(remote);
      if (!exempt && !(await guard.mayTryAs(remote, outcome.username))) {
        count('refused');
        throw new MailError('limit-exceeded', 'Too many failed logins, try again in a minute');
      }
      const login = await verifySasl(outcome, (username, password) => directory.authenticate(username, password, use));
      count(login === undefined ? 'failed' : 'ok');
      if (login !== undefined) {
        if (!exempt) await guard.succeeded(remote, outcome.username);
        if (login.appPassword !== undefined) {
          directory.noteUse({ kind: 'app-password', id: login.appPassword, at: clock.now(), remote });
        }
        return login;
      }
      // The log has no name: people type their password there.
      await failed(remote, outcome.username);
      throw new MailError('bad-credentials', 'Wrong user or password');
    },

    async failed(remote, name) {
      count('failed');
      await failed(remote, name);
    },
  };
}
