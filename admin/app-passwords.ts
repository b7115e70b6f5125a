/** App passwords: one for each program or device, made here, shown once. */
import { MailError } from '#mail/failure.ts';
import { makeAppPassword, newAppPassword } from '#store/app-password.ts';
import type { AppPassword, AppScope } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import { accountNamed } from './accounts.ts';
import { type Actor, type AdminRooms, type Items, timestamp } from './rooms.ts';

type Rooms = Pick<AdminRooms, 'directory' | 'random'>;

export interface AppPasswordItem {
  readonly id: string;
  readonly name: string;
  /** Empty: for everything. */
  readonly scopes: readonly AppScope[];
  readonly createdAt: string;
  readonly lastUsedAt?: string;
  readonly lastUsedFrom?: string;
}

/** `password` is shown this once: nobody can ever read it again. */
export async function addAppPassword(
  rooms: Rooms,
  args: { readonly address: string; readonly name: string; readonly scopes: readonly AppScope[] },
  by: Actor,
): Promise<AppPasswordItem & { readonly address: string; readonly password: string }> {
  const { directory, random } = rooms;
  const account = await accountNamed(rooms, args.address);
  const { login, salt, iterations } = await directory.scram(account.address);
  if (login === undefined) throw new MailError('no-such-account', `${account.address} is not in use`);
  const password = newAppPassword(random);
  const made = await makeAppPassword(password, { salt, iterations });
  const id = newId('password', random);
  const { name, scopes } = args;
  await directory.change({ type: 'add-app-password', id, account: account.id, name, scopes, made }, by);
  const added = (await directory.appPasswords(account.id)).find((one) => one.id === id);
  if (added === undefined) throw new MailError('unavailable', 'the app password was removed at once');
  return { ...describe(added), address: account.address, password };
}

/**
 * Sessions of pages that were opened by an app password end, whichever it was: they hold no name of it, but never the scope `account`.
 * @param args.password its id or its name.
 */
export async function removeAppPassword(
  rooms: Pick<AdminRooms, 'directory'>,
  args: { readonly address: string; readonly password: string },
  by: Actor,
): Promise<{ address: string; id: string; name: string }> {
  const { directory } = rooms;
  const account = await accountNamed(rooms, args.address);
  const all = await directory.appPasswords(account.id);
  const found = all.find(({ id }) => id === args.password) ?? all.find(({ name }) => name === args.password);
  if (found === undefined)
    throw new MailError('not-found', `${account.address} has no app password "${args.password}"`);
  await directory.change({ type: 'remove-app-password', id: found.id }, by);
  for (const { id, kind, scopes } of await directory.tokens(account.id)) {
    if (kind === 'session' && !scopes.includes('account')) await directory.change({ type: 'remove-token', id });
  }
  return { address: account.address, id: found.id, name: found.name };
}

export async function listAppPasswords(
  rooms: Pick<AdminRooms, 'directory'>,
  address: string,
): Promise<Items<AppPasswordItem>> {
  const { id } = await accountNamed(rooms, address);
  return { items: (await rooms.directory.appPasswords(id)).map(describe) };
}

function describe({ id, name, scopes, createdAt, lastUsedAt, lastUsedFrom }: AppPassword): AppPasswordItem {
  return {
    id,
    name,
    scopes,
    createdAt: timestamp(createdAt),
    ...(lastUsedAt !== undefined && { lastUsedAt: timestamp(lastUsedAt) }),
    ...(lastUsedFrom !== undefined && { lastUsedFrom }),
  };
}
