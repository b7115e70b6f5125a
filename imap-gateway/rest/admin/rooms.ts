/** What the acts of `#admin` work on, out of the services of REST; and the account that a path names. */
import { createHash } from 'node:crypto';
import { describeAccount } from '#admin/accounts.ts';
import type { AdminRooms } from '#admin/rooms.ts';
import { MailError } from '#mail/failure.ts';
import { findAccount } from '#store/accounts.ts';
import type { Account } from '#store/directory.ts';
import type { RestServices } from '../services.ts';

export function adminRooms(services: RestServices): AdminRooms {
  const { directory, store, queue, random, clock, coordination, config } = services;
  return {
    directory,
    store,
    queue,
    random,
    clock,
    coordination,
    shards: config.store.shards,
    quota: config.limits.quota,
  };
}

/** By its id or its address, in any state. @throws MailError `no-such-account`. */
export async function accountAt({ directory }: RestServices, name: string): Promise<Account> {
  const found = await (name.includes('@') ? findAccount(directory, name) : directory.account(name));
  if (found === undefined) throw new MailError('no-such-account', `There is no account ${name}`);
  return found;
}

/** It changes with everything that an admin sets. */
export function accountTag(account: Account, used: number | undefined): string {
  const told = JSON.stringify([describeAccount(account), used]);
  return `W/"${createHash('sha256').update(told).digest('base64url').slice(0, 22)}"`;
}
