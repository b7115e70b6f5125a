/** Who logged in, or tried to: from where, how, and by which credential. */
import type { AppScope, LoginLine, LoginQuery } from '#store/directory.ts';
import { type AdminRooms, type Items, timestamp } from './rooms.ts';

type Rooms = Pick<AdminRooms, 'directory'>;

export interface LoginItem {
  readonly id: string;
  /** Address of the account; absent where nobody has the name. */
  readonly account?: string;
  /** The name as it was tried. */
  readonly login: string;
  readonly protocol: AppScope;
  readonly remote: string;
  readonly outcome: 'ok' | 'refused';
  /** `name` is absent where it was removed since. */
  readonly appPassword?: { readonly id: string; readonly name?: string };
  readonly token?: { readonly id: string; readonly name?: string };
  readonly firstAt: string;
  readonly lastAt: string;
  /** How often, from the first to the last: within an hour. */
  readonly count: number;
}

/** Newest first; `before` is the id of the last line of the page before. */
export async function listLogins({ directory }: Rooms, query: LoginQuery): Promise<Items<LoginItem>> {
  const lines = await directory.logins(query);
  const names = new Map<string, string>();
  const ids = (pick: (line: LoginLine) => string | undefined): readonly string[] => [
    ...new Set(lines.map(pick).filter((id) => id !== undefined)),
  ];
  for (const id of ids(({ account }) => account)) {
    const account = await directory.account(id);
    if (account !== undefined) names.set(id, account.address);
  }
  for (const id of ids(({ account, appPassword }) => (appPassword === undefined ? undefined : account)))
    for (const password of await directory.appPasswords(id)) names.set(password.id, password.name);
  for (const id of ids(({ token }) => token)) {
    const token = await directory.tokenById(id);
    if (token !== undefined) names.set(id, token.name);
  }
  const named = (id: string): { id: string; name?: string } => {
    const name = names.get(id);
    return { id, ...(name !== undefined && { name }) };
  };
  const items = lines.map(({ id, account, login, protocol, remote, outcome, appPassword, token, ...line }) => ({
    id,
    ...(account !== undefined && { account: names.get(account) ?? account }),
    login,
    protocol,
    remote,
    outcome,
    ...(appPassword !== undefined && { appPassword: named(appPassword) }),
    ...(token !== undefined && { token: named(token) }),
    firstAt: timestamp(line.first),
    lastAt: timestamp(line.last),
    count: line.count,
  }));
  return { items };
}
