/** Who may come into a maildrop now (RFC 1939 §4; IN-USE, LOGIN-DELAY: RFC 2449 §8.1): places of coordination, which the death of a worker frees. */
import type { Clock, Log } from '#runtime/ambient.ts';
import type { Coordination, Lease } from '#runtime/coordination.ts';
import type { AccountId } from '#store/types.ts';

export interface EntranceOptions {
  readonly coordination: Pick<Coordination, 'acquire'>;
  readonly clock: Clock;
  readonly log: Log;
  /** One session at a time; else each has its own snapshot. */
  readonly exclusive: boolean;
  /** Milliseconds between two logins of one account; 0 is none. */
  readonly loginDelay: number;
}

export type Admission = { readonly lock: Lease } | { readonly refused: 'IN-USE' | 'LOGIN-DELAY' };

const FREE: Lease = { release: () => undefined };

export async function enter(account: AccountId, options: EntranceOptions): Promise<Admission> {
  const lock = options.exclusive ? await acquire(`pop3-maildrop:${account}`, options) : FREE;
  if (lock === undefined) return { refused: 'IN-USE' };
  const { loginDelay, clock } = options;
  if (loginDelay === 0) return { lock };
  const turn = await acquire(`pop3-delay:${account}`, options);
  if (turn === undefined) {
    lock.release();
    return { refused: 'LOGIN-DELAY' };
  }
  clock.after(loginDelay, () => turn.release());
  return { lock };
}

/** Where coordination can't be asked, nobody is turned away: sessions that share a maildrop do each other no harm. */
async function acquire(key: string, { coordination, log }: EntranceOptions): Promise<Lease | undefined> {
  return await coordination.acquire(key, 1).catch((error: unknown) => {
    log.warn({ err: error }, 'a maildrop could not be locked');
    return FREE;
  });
}
