/**
 * Accounts come and go in two places, the directory and a shard, that can't commit together (STORE.md §1). The order here makes each
 * step repeatable: a crash between two steps leaves an account `creating` or `removing`, and the same call finishes it.
 */
import { MailError } from '#mail/failure.ts';
import type { Random } from '#runtime/ambient.ts';
import type { Account, AccountSecret, By, Directory } from './directory.ts';
import { newId } from './ids.ts';
import type { MailStore } from './store.ts';
import type { AccountId, Role } from './types.ts';

/** RFC 6154: what a new account finds beside INBOX, so that clients don't make their own in their own language. */
const firstMailboxes: readonly { readonly name: string; readonly role: Role }[] = [
  { name: 'Drafts', role: 'drafts' },
  { name: 'Sent', role: 'sent' },
  { name: 'Trash', role: 'trash' },
  { name: 'Junk', role: 'junk' },
  { name: 'Archive', role: 'archive' },
];

export interface AccountRooms {
  readonly directory: Directory;
  readonly store: MailStore;
  readonly random: Random;
  /** How many shards there are; a new account goes to a random one. */
  readonly shards: number;
  /** Octets; 0 is unlimited. */
  readonly quota: number;
}

/** @throws MailError `exists`, `bad-request` (the domain is not ours), `unavailable`. */
export async function createAccount(
  rooms: AccountRooms,
  address: string,
  secret: AccountSecret,
  by?: By,
): Promise<AccountId> {
  const id = await claimAddress(rooms, address, secret, by && { ...by, act: 'add-account' });
  const mailboxes = firstMailboxes.map((mailbox) => ({ id: newId('mailbox', rooms.random), ...mailbox }));
  const answer = await rooms.store.commit({
    owner: id,
    actor: id,
    id: 'create-account',
    mutations: [
      { type: 'create-account', mailboxes },
      { type: 'subscribe', name: 'INBOX', subscribed: true },
      ...mailboxes.map(({ name }) => ({ type: 'subscribe' as const, name, subscribed: true })),
      ...(rooms.quota > 0 ? [{ type: 'set-quota' as const, bytes: rooms.quota }] : []),
    ],
  });
  if (!answer.ok) throw new MailError(answer.failure, answer.text);
  await rooms.directory.change({ type: 'activate-account', id });
  return id;
}

/** The account's id in state `creating`, be it new or left over from a call that a crash cut short. */
async function claimAddress(
  rooms: AccountRooms,
  address: string,
  secret: AccountSecret,
  by: By | undefined,
): Promise<AccountId> {
  const id = newId('account', rooms.random);
  const add = {
    type: 'add-account',
    id,
    address,
    shard: Math.floor(rooms.random.fraction() * rooms.shards),
    secret,
  } as const;
  try {
    await rooms.directory.change(add, by);
    return id;
  } catch (error) {
    if (!(error instanceof MailError) || error.failure !== 'exists') throw error;
    const unfinished = await findAccount(rooms.directory, address);
    if (unfinished === undefined || unfinished.state === 'active') throw error;
    if (unfinished.state === 'removing') {
      await removeAccount(rooms, address);
      await rooms.directory.change(add, by);
      return id;
    }
    await rooms.directory.change({ type: 'set-secret', id: unfinished.id, secret }, by);
    return unfinished.id;
  }
}

/** @throws MailError `no-such-account`, `unavailable`. */
export async function removeAccount(
  rooms: Pick<AccountRooms, 'directory' | 'store'>,
  address: string,
  by?: By,
): Promise<void> {
  const account = await findAccount(rooms.directory, address);
  if (account === undefined) throw new MailError('no-such-account', `there is no account ${address}`);
  const noted = by && { ...by, act: 'remove-account' };
  if (account.state !== 'removing') await rooms.directory.change({ type: 'mark-removing', id: account.id }, noted);
  const answer = await rooms.store.commit({
    owner: account.id,
    actor: account.id,
    id: 'delete-account',
    mutations: [{ type: 'delete-account' }],
  });
  if (!answer.ok && answer.failure !== 'no-such-account') throw new MailError(answer.failure, answer.text);
  await rooms.directory.change({ type: 'remove-account', id: account.id });
}

/** By address, without regard to case, in any state. */
export async function findAccount(directory: Directory, address: string): Promise<Account | undefined> {
  const wanted = address.toLowerCase();
  return (await directory.accounts()).find((account) => account.address.toLowerCase() === wanted);
}
