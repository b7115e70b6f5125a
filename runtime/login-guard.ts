/**
 * Counts failed logins over all protocols and workers: by address (the /64 of an IPv6 one), and by the name that was tried, wherever that came from.
 * Too many of either within a minute refuse further attempts before a secret is looked at. So that nobody can lock a person out from afar, an address
 * from which the same name logged in within a day is only counted by itself.
 */
import { createHash } from 'node:crypto';
import { networkOf } from './address.ts';
import type { Coordination } from './coordination.ts';
import { Turns } from './turns.ts';

export interface LoginGuard {
  /**
   * Runs the check of a secret, and the counting of its failure, when it is this address's turn: who tries over many connections at once guesses no more than who
   * does it over one, and others don't wait behind them. @throws MailError `limit-exceeded` where too many from there wait already.
   */
  turn<T>(remote: string, check: () => Promise<T>): Promise<T>;
  /** False when the address has failed too often. */
  mayTry(remote: string): Promise<boolean>;
  /** False when this name was tried in vain too often from addresses that it isn't known at. */
  mayTryAs(remote: string, name: string): Promise<boolean>;
  /** Answers how many failures there were within the window, by address or by name, whichever is more. */
  failed(remote: string, name: string): Promise<number>;
  succeeded(remote: string, name: string): Promise<void>;
}

/** Of one address in one process. A mail program opens a handful of connections; many people may stand behind one address. */
const turns = new Turns({ atOnce: 4, waiting: 100, refusal: 'Too many logins at once from your address, try again' });

const MINUTE = 60_000;
const DAY = 86_400_000;

export function createLoginGuard(coordination: Pick<Coordination, 'count'>, failuresPerMinute: number): LoginGuard {
  const byAddress = (remote: string): string => `auth-fail:${networkOf(remote)}`;
  const byName = (name: string): string => `auth-fail-of:${fingerprint(name)}`;
  const known = (remote: string, name: string): string => `auth-ok:${fingerprint(name)}:${networkOf(remote)}`;
  return {
    turn: (remote, check) => turns.take(networkOf(remote), check),
    mayTry: async (remote) => (await coordination.count(byAddress(remote), 0, MINUTE)) < failuresPerMinute,
    async mayTryAs(remote, name) {
      if ((await coordination.count(byName(name), 0, MINUTE)) < failuresPerMinute) return true;
      return (await coordination.count(known(remote, name), 0, DAY)) > 0;
    },
    async failed(remote, name) {
      const counts = [coordination.count(byAddress(remote), 1, MINUTE), coordination.count(byName(name), 1, MINUTE)];
      return Math.max(...(await Promise.all(counts)));
    },
    async succeeded(remote, name) {
      await coordination.count(known(remote, name), 1, DAY);
    },
  };
}

/** Short, whatever was typed as a name (people type passwords there), and the same for each spelling that the directory takes for the same. */
function fingerprint(name: string): string {
  return createHash('sha256').update(name.normalize('NFC').toLowerCase()).digest('base64url').slice(0, 22);
}
