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
import { noted } from './login-log.ts';

export interface Authenticator {
  /** Throws `limit-exceeded` when the address has failed too often. Ask before a conversation starts. */
  admit(remote: string): Promise<void>;
  /** For `startSasl`. */
  readonly sasl: SaslContext<Login>;
  /** The account; throws `bad-credentials` after a delay, with the failure counted against `remote` and the name; `limit-exceeded` when the name has failed too often. */
  finish(outcome: SaslOutcome<Login>, remote: string): Promise<Login>;
  /**
   * Looks at a secret in another way than by SASL, under the same limits: what is `wrong` counts and is answered after the same delay, what is `open` does neither.
   * @throws MailError `limit-exceeded`, before `check` has run.
   */
  weigh<T>(remote: string, name: string, check: () => Promise<Weighed<T>>): Promise<T>;
  /** Counts what was wrong in another way than by SASL (a token), and answers after the same delay. @param name is kept as a hash only. */
  failed(remote: string, name: string): Promise<void>;
}

export interface Weighed<T> {
  readonly verdict: 'right' | 'wrong' | 'open';
  readonly answer: T;
  /** For the log, of what was wrong. */
  readonly reason?: string | undefined;
}

export interface AuthenticatorOptions {
  readonly directory: Pick<Directory, 'authenticate' | 'scram' | 'noteUse' | 'noteLogin' | 'accountNamed'>;
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
  const counted = async (remote: string, name: string, reason?: string): Promise<number> => {
    options.log.info({ remote, ...(reason !== undefined && { reason }) }, 'a login failed');
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

  /** Looks at a secret in its turn; `delay` is how long the answer has to wait. */
  const look = async <T>(
    remote: string,
    name: string,
    check: () => Promise<Weighed<T>>,
  ): Promise<Weighed<T> & { readonly delay: number }> => {
    const attempt = async () => {
      const weighed = await check();
      // The log has no name: people type their password there.
      const delay = weighed.verdict === 'wrong' ? await counted(remote, name, weighed.reason) : 0;
      if (weighed.verdict === 'right' && !isExempt(remote)) await guard.succeeded(remote, name);
      return { ...weighed, delay };
    };
    if (isExempt(remote)) return attempt();
    return guard.turn(remote, async () => {
      // Again: whoever waited may have failed too often meanwhile.
      if (!(await guard.mayTry(remote))) throw refused(TOO_MANY_FROM);
      if (!(await guard.mayTryAs(remote, name))) throw refused('Too many failed logins, try again in a minute');
      return attempt();
    });
  };
  const weigh = async <T>(remote: string, name: string, check: () => Promise<Weighed<T>>): Promise<T> => {
    const { verdict, answer, delay } = await look(remote, name, check);
    if (verdict !== 'open') count(verdict === 'right' ? 'ok' : 'failed');
    await pause(delay);
    return answer;
  };

  return {
    sasl: { scram: (username) => directory.scram(username, use), random: (length) => random.bytes(length) },

    async admit(remote) {
      if (isExempt(remote)) return;
      if (!(await guard.mayTry(remote))) throw refused(TOO_MANY_FROM);
    },

    weigh,

    async finish(outcome, remote) {
      const login = await weigh(remote, outcome.username, async () => {
        const attempt = { use, remote, name: outcome.username };
        const answer = await noted(options, attempt, () => verify(outcome));
        if (answer !== undefined) return { verdict: 'right', answer };
        return { verdict: 'wrong', answer, reason: await whyNot(directory, outcome.username) };
      });
      if (login === undefined) throw new MailError('bad-credentials', 'Wrong user or password');
      if (login.appPassword !== undefined) {
        directory.noteUse({ kind: 'app-password', id: login.appPassword, at: clock.now(), remote });
      }
      return login;
    },

    async failed(remote, name) {
      count('failed');
      await pause(await counted(remote, name));
    },
  };
}

/** For the log: people ask why a password that is right is refused. Whether it was right, nobody has looked. */
async function whyNot(directory: Pick<Directory, 'accountNamed'>, username: string): Promise<string | undefined> {
  const account = await directory.accountNamed(username);
  return account?.secondFactor ? 'the account has a second factor: it takes app passwords alone' : undefined;
}
