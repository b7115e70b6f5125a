/** What an admin sets of an account, and its owner of the forward. Each answers the account as it is then. */
import type { Account, DirectoryChange } from '#store/directory.ts';
import { type AccountItem, accountNamed, describeAccount, endSessions } from './accounts.ts';
import type { Actor, AdminRooms } from './rooms.ts';

type Rooms = Pick<AdminRooms, 'directory' | 'coordination'>;

/** Logins and submission are refused from now on, and what is open ends; mail still comes in. */
export async function suspendAccount(rooms: Rooms, address: string, by: Actor): Promise<AccountItem> {
  const done = await set(rooms, address, (id) => ({ type: 'suspend-account', id, suspended: true }), by);
  await endSessions(rooms, done.address);
  return done;
}

export function resumeAccount(rooms: Rooms, address: string, by: Actor): Promise<AccountItem> {
  return set(rooms, address, (id) => ({ type: 'suspend-account', id, suspended: false }), by);
}

export function setAdmin(
  rooms: Rooms,
  args: { readonly address: string; readonly admin: boolean },
  by: Actor,
): Promise<AccountItem> {
  return set(rooms, args.address, (id) => ({ type: 'set-admin', id, admin: args.admin }), by);
}

/** @param args.forward absent: none any more. */
export function setForward(
  rooms: Rooms,
  args: { readonly address: string; readonly forward?: NonNullable<Account['forward']> },
  by: Actor,
): Promise<AccountItem> {
  const { address, forward } = args;
  return set(rooms, address, (id) => ({ type: 'set-forward', id, ...(forward && { forward }) }), by);
}

/** @param args.moved absent: it lives here again. */
export function setMoved(
  rooms: Rooms,
  args: { readonly address: string; readonly moved?: NonNullable<Account['moved']> },
  by: Actor,
): Promise<AccountItem> {
  const { address, moved } = args;
  return set(rooms, address, (id) => ({ type: 'set-moved', id, ...(moved && { moved }) }), by);
}

/** Mail, settings and credentials stay; what is open under the old name ends. With `alias` the old address still gets mail. */
export async function renameAccount(
  rooms: Rooms,
  args: { readonly address: string; readonly to: string; readonly alias: boolean },
  by: Actor,
): Promise<AccountItem> {
  const { address, to, alias } = args;
  const before = await accountNamed(rooms, address);
  const done = await set(rooms, address, (id) => ({ type: 'rename-account', id, address: to, alias }), by);
  await endSessions(rooms, before.address);
  return done;
}

async function set(
  rooms: Rooms,
  address: string,
  change: (id: string) => DirectoryChange,
  by: Actor,
): Promise<AccountItem> {
  const { id } = await accountNamed(rooms, address);
  await rooms.directory.change(change(id), by);
  const changed = await rooms.directory.account(id);
  return describeAccount(changed ?? (await accountNamed(rooms, address)));
}
