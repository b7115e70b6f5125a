/** Accounts: how they come and go, and what is known of one. */
import { MailError } from '#mail/failure.ts';
import { createAccount, findAccount, removeAccount as removeEverything } from '#store/accounts.ts';
import type { Account } from '#store/directory.ts';
import { makeSecret } from '#store/secret.ts';
import { checkPassword } from './passwords.ts';
import { type Actor, type AdminRooms, type Items, timestamp } from './rooms.ts';

export interface AccountItem {
  readonly address: string;
  readonly id: string;
  readonly state: Account['state'];
  readonly createdAt: string;
  readonly suspended?: true;
  readonly admin?: true;
  /** Signing in to the pages needs a code beside the password. */
  readonly secondFactor?: true;
  readonly forward?: { readonly targets: readonly string[]; readonly keep: boolean };
  readonly moved?: { readonly to: string; readonly how: 'forward' | 'reject' };
}

export interface AccountDetails extends AccountItem {
  /** Octets; `limit` is null where there is none. Absent while the account is being made or removed. */
  readonly quota?: { readonly used: number; readonly limit: number | null; readonly messages: number };
  /** Aliases that lead here directly. */
  readonly aliases: readonly string[];
  readonly appPasswords: number;
  readonly tokens: number;
}

/** The account of that address, in any state. @throws MailError `no-such-account`. */
export async function accountNamed({ directory }: Pick<AdminRooms, 'directory'>, address: string): Promise<Account> {
  const found = await findAccount(directory, address);
  if (found === undefined) throw new MailError('no-such-account', `there is no account ${address}`);
  return found;
}

export async function addAccount(
  rooms: AdminRooms,
  args: { readonly address: string; readonly password: string },
  by: Actor,
): Promise<{ address: string; id: string }> {
  const { address, password } = args;
  checkPassword(password, by);
  const id = await createAccount(rooms, address, await makeSecret(password), by);
  return { address, id };
}

/** With all its mail. What it has open ends. */
export async function removeAccount(rooms: AdminRooms, address: string, by: Actor): Promise<{ address: string }> {
  await removeEverything(rooms, address, by);
  await endSessions(rooms, address);
  return { address };
}

/** App passwords and tokens go on; sessions of pages end, but for `keep`, a token's id. */
export async function setPassword(
  rooms: Pick<AdminRooms, 'directory'>,
  args: { readonly address: string; readonly password: string; readonly keep?: string },
  by: Actor,
): Promise<{ address: string }> {
  const { directory } = rooms;
  const { address, password, keep } = args;
  checkPassword(password, by);
  const account = await accountNamed(rooms, address);
  const { login, salt, iterations } = await directory.scram(account.address);
  // App passwords are keyed with the salt that there is. Who is not active yet has none.
  const secret = await makeSecret(password, login && { salt, iterations });
  await directory.change({ type: 'set-secret', id: account.id, secret, ...(keep !== undefined && { keep }) }, by);
  return { address };
}

/** By address. */
export async function listAccounts({ directory }: Pick<AdminRooms, 'directory'>): Promise<Items<AccountItem>> {
  const accounts = [...(await directory.accounts())].sort((a, b) => (a.address < b.address ? -1 : 1));
  return { items: accounts.map(describeAccount) };
}

export async function showAccount(rooms: AdminRooms, address: string): Promise<AccountDetails> {
  const { directory, store } = rooms;
  const account = await accountNamed(rooms, address);
  const { id } = account;
  const [aliases, appPasswords, tokens] = await Promise.all([
    directory.aliases(),
    directory.appPasswords(id),
    directory.tokens(id),
  ]);
  const details = {
    ...describeAccount(account),
    aliases: aliases.filter(({ targets }) => leadTo(targets, account.address)).map((alias) => alias.address),
    appPasswords: appPasswords.length,
    tokens: tokens.filter(({ kind }) => kind === 'api').length,
  };
  if (account.state !== 'active') return details;
  const { usedBytes, usedMessages, quotaBytes } = await store.accountState({ owner: id, viewer: id });
  return { ...details, quota: { used: usedBytes, limit: quotaBytes ?? null, messages: usedMessages } };
}

/** @param args.bytes null: no limit. */
export async function setQuota(
  rooms: Pick<AdminRooms, 'directory' | 'store' | 'random'>,
  args: { readonly address: string; readonly bytes: number | null },
  by: Actor,
): Promise<{ address: string; limit: number | null }> {
  const { address, bytes } = args;
  if (bytes !== null && !(Number.isSafeInteger(bytes) && bytes > 0))
    throw new MailError('bad-request', 'a quota is a whole number of octets above 0, or none');
  const account = await accountNamed(rooms, address);
  const { id } = account;
  const commit = Buffer.from(rooms.random.bytes(12)).toString('hex');
  const mutations = [{ type: 'set-quota' as const, bytes }];
  const answer = await rooms.store.commit({ owner: id, actor: id, id: `set-quota-${commit}`, mutations });
  if (!answer.ok) throw new MailError(answer.failure, answer.text);
  const note = { type: 'note-act', act: 'set-quota', target: account.address } as const;
  await rooms.directory.change(note, { ...by, detail: { bytes } });
  return { address, limit: bytes };
}

export function describeAccount({ address, id, state, createdAt, ...account }: Account): AccountItem {
  const { suspended, admin, secondFactor, forward, moved } = account;
  return {
    address,
    id,
    state,
    createdAt: timestamp(createdAt),
    ...(suspended && { suspended }),
    ...(admin && { admin }),
    ...(secondFactor && { secondFactor }),
    ...(forward && { forward }),
    ...(moved && { moved }),
  };
}

const leadTo = (targets: readonly string[], address: string): boolean =>
  targets.some((target) => target.toLowerCase() === address.toLowerCase());

/** Everything that this account has open, whatever the protocol. @param spared of these protocols it stays. */
export async function endSessions(
  rooms: Pick<AdminRooms, 'coordination'>,
  address: string,
  spared: readonly string[] = [],
): Promise<number> {
  const { coordination } = rooms;
  if (coordination === undefined) return 0;
  const wanted = address.toLowerCase();
  const open = (await coordination.sessions()).filter(
    ({ login, protocol }) => login?.toLowerCase() === wanted && !spared.includes(protocol),
  );
  return (await coordination.disconnect([...new Set(open.map(({ id }) => id))])).length;
}
