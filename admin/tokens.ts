/** Tokens for programs that use REST: an account's own, or of the peer itself for an admin's. Made here, shown once. */
import { MailError } from '#mail/failure.ts';
import { hashToken, newToken } from '#store/app-password.ts';
import type { Directory, Token, TokenScope } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import { accountNamed } from './accounts.ts';
import { type Actor, type AdminRooms, type Items, timestamp } from './rooms.ts';

type Rooms = Pick<AdminRooms, 'directory' | 'random'>;

export interface TokenItem {
  readonly id: string;
  readonly name: string;
  readonly kind: Token['kind'];
  /** The account's address; absent: of the peer itself. */
  readonly account?: string;
  readonly scopes: readonly TokenScope[];
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly networks?: readonly string[];
  readonly lastUsedAt?: string;
  readonly lastUsedFrom?: string;
}

export interface NewToken {
  readonly name: string;
  /** Address; absent: a token of the peer itself. */
  readonly account?: string;
  readonly scopes: readonly TokenScope[];
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  readonly networks?: readonly string[];
}

/** `token` is shown this once: nobody can ever read it again. */
export async function addToken(
  rooms: Rooms,
  args: NewToken,
  by: Actor,
): Promise<TokenItem & { readonly token: string }> {
  const { directory, random } = rooms;
  const { name, scopes, expiresAt, networks } = args;
  if (scopes.length === 0) throw new MailError('bad-request', 'a token needs at least one scope');
  const account = args.account === undefined ? undefined : (await accountNamed(rooms, args.account)).id;
  const id = newId('token', random);
  const text = newToken(random);
  const token = {
    id,
    name,
    kind: 'api' as const,
    scopes,
    ...(account !== undefined && { account }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(networks !== undefined && networks.length > 0 && { networks }),
  };
  await directory.change({ type: 'add-token', token, hash: hashToken(text) as Uint8Array }, by);
  const added = await directory.tokenById(id);
  if (added === undefined) throw new MailError('unavailable', 'the token was removed at once');
  return { ...(await describe(directory, added)), token: text };
}

/** @param args.token its id, or its name where no other has it. */
export async function removeToken(
  { directory }: Pick<AdminRooms, 'directory'>,
  args: { readonly token: string; readonly account?: string },
  by: Actor,
): Promise<{ id: string; name: string }> {
  const all = await tokensOf(directory, args.account);
  const named = all.filter(({ name, kind }) => kind === 'api' && name === args.token);
  const found = all.find(({ id }) => id === args.token) ?? named[0];
  if (found === undefined) throw new MailError('not-found', `there is no token "${args.token}"`);
  if (found.id !== args.token && named.length > 1)
    throw new MailError('bad-request', `several tokens are named "${args.token}": give the id of one`);
  await directory.change({ type: 'remove-token', id: found.id }, by);
  return { id: found.id, name: found.name };
}

/** Programs' tokens; of one account, or of everybody. */
export async function listTokens(
  { directory }: Pick<AdminRooms, 'directory'>,
  args: { readonly account?: string } = {},
): Promise<Items<TokenItem>> {
  const tokens = (await tokensOf(directory, args.account)).filter(({ kind }) => kind === 'api');
  return { items: await Promise.all(tokens.map((token) => describe(directory, token))) };
}

async function tokensOf(directory: Directory, address: string | undefined): Promise<readonly Token[]> {
  return directory.tokens(address === undefined ? undefined : (await accountNamed({ directory }, address)).id);
}

async function describe(directory: Directory, token: Token): Promise<TokenItem> {
  const { id, name, kind, scopes, networks, lastUsedFrom } = token;
  const account = token.account === undefined ? undefined : await directory.account(token.account);
  return {
    id,
    name,
    kind,
    ...(token.account !== undefined && { account: account?.address ?? token.account }),
    scopes,
    createdAt: timestamp(token.createdAt),
    ...(token.expiresAt !== undefined && { expiresAt: timestamp(token.expiresAt) }),
    ...(networks && { networks }),
    ...(token.lastUsedAt !== undefined && { lastUsedAt: timestamp(token.lastUsedAt) }),
    ...(lastUsedFrom !== undefined && { lastUsedFrom }),
  };
}
