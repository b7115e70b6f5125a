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
const TOO_MANY_FROM = 'Too many failed logins from your address, try again in a minute';

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { directory, clock, random, metrics, use } = options;
  const guard = createLoginGuard(options.coordination, options.failuresPerMinute);
  const count = (result: string): void => metrics?.counter('logins_total', { program: 'imap-gateway', result }).add();
  const inExemptNetwork = networkMatcher(options.exemptNetworks);
  const isExempt = (remote: string): boolean => remote === 'unix' || inExemptNetwork(remote);
  /** Counts it; answers how long its answer has to wait. */
  const counted = async (remote: string, name: string): Promise<number> => {
    options.log.info({ remote }, 'a login failed');
    if (isExempt(remote)) return 0;
    return Math.min(DELAY_LIMIT_MS, (await guard.failed(remote, name)) * DELAY_STEP_MS);
  };
  const pause = async (delay: number): Promise<void> => {
    if (delay > 0) await new Promise<void>((resolve) => clock.after(delay, resolve));
  };
  const refused = (message: string): MailError => {
    count('refused');
    return new MailError('limit-exceeded', message);
  };
  const verify = (outcome: SaslOutcome<Login>): Promise<Login | undefined> =>
    verifySasl(outcome, (username, password) => directory.authenticate(username, password, use));

  /** The account, or how long the answer that it was wrong has to wait. */
  const attempt = async (outcome: SaslOutcome<Login>, remote: string): Promise<Login | number> => {
    const { username } = outcome;
    // Again: whoever waited may have failed too often meanwhile.
    if (!(await guard.mayTry(remote))) throw refused(TOO_MANY_FROM);
    if (!(await guard.mayTryAs(remote, username))) throw refused('Too many failed logins, try again in a minute');
    const login = await verify(outcome);
    // The log has no name: people type their password there.
    if (login === undefined) return await counted(remote, username);
    await guard.succeeded(remote, username);
    return login;
  };

  return {
    sasl: { scram: (username) => directory.scram(username, use), random: (length) => random.bytes(length) },

    async admit(remote) {
      if (isExempt(remote)) return;
      if (!(await guard.mayTry(remote))) throw refused(TOO_MANY_FROM);
    },

    async finish(outcome, remote) {
      const result = isExempt(remote)
        ? ((await verify(outcome)) ?? (await counted(remote, outcome.username)))
        : await guard.turn(remote, () => attempt(outcome, remote));
      if (typeof result === 'number') {
        count('failed');
        await pause(result);
        throw new MailError('bad-credentials', 'Wrong user or password');
      }
      count('ok');
      if (result.appPassword !== undefined) {
        directory.noteUse({ kind: 'app-password', id: result.appPassword, at: clock.now(), remote });
      }
      return result;
    },

    async failed(remote, name) {
      count('failed');
      await pause(await counted(remote, name));
    },
  };
}
