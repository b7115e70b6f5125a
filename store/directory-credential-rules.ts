/** App passwords and tokens: how many, of whom, for what. */
import { MailError } from '#mail/failure.ts';
import { networkMatcher } from '#runtime/address.ts';
import { APP_SCOPES, TOKEN_SCOPES } from './credentials.ts';
import { accountOf, type Of, type Rows, type Rule, readLabel } from './directory-requirements.ts';
import { isId } from './ids.ts';

type CredentialChange = 'add-app-password' | 'remove-app-password' | 'add-token' | 'remove-token';

/** Each SCRAM login tries the keys of all. */
const MOST_APP_PASSWORDS = 50;
const MOST_TOKENS = 200;

export const CREDENTIAL_RULES: { [T in CredentialChange]: Rule<T> } = {
  'add-app-password': addAppPassword,
  'remove-app-password': (rows, { id }) => {
    if (rows.appPasswordById(id) === undefined) throw new MailError('not-found', `there is no app password ${id}`);
    rows.removeAppPassword(id);
  },
  'add-token': addToken,
  'remove-token': (rows, { id }) => {
    if (rows.tokenById(id) === undefined) throw new MailError('not-found', `there is no token ${id}`);
    rows.removeToken(id);
  },
};

function addAppPassword(rows: Rows, change: Of<'add-app-password'>, now: number): void {
  const { id, account, made } = change;
  const { address } = accountOf(rows, account);
  const name = readLabel(change.name);
  const scopes = readScopes(change.scopes, APP_SCOPES);
  const secret = rows.secret(account)?.scram;
  if (secret?.iterations !== made.iterations || Buffer.compare(secret.salt, made.salt) !== 0)
    throw new MailError('conflict', `the password of ${address} was changed meanwhile: try again`);
  const others = rows.appPasswords(account);
  if (!isId(id) || made.keys.length === 0) throw new MailError('bad-request', 'bad app password id or keys');
  if (rows.appPasswordById(id) !== undefined) throw new MailError('exists', 'the app password id is taken');
  if (others.some((other) => other.name === name))
    throw new MailError('exists', `${address} has an app password "${name}" already`);
  if (others.length >= MOST_APP_PASSWORDS)
    throw new MailError('limit-exceeded', `${address} has ${MOST_APP_PASSWORDS} app passwords: remove one first`);
  rows.addAppPassword({ id, account, name, scopes, createdAt: now, keys: made.keys });
}

function addToken(rows: Rows, { token, hash }: Of<'add-token'>, now: number): void {
  const { id, account, kind, expiresAt, networks } = token;
  if (account !== undefined) accountOf(rows, account);
  const name = readLabel(token.name);
  const scopes = readScopes(token.scopes, TOKEN_SCOPES);
  if (networks !== undefined) readNetworks(networks);
  if (!isId(id) || hash.length !== 32) throw new MailError('bad-request', 'bad token id or hash');
  if (expiresAt !== undefined && !(expiresAt > now))
    throw new MailError('bad-request', 'the token has expired already');
  if (rows.tokenById(id) !== undefined || rows.tokenByHash(hash) !== undefined)
    throw new MailError('exists', 'the token is there already');
  const others = rows.tokens(account).filter((other) => other.account === account && other.kind === kind);
  if (kind === 'api') {
    if (others.some((other) => other.name === name && !((other.expiresAt ?? Infinity) <= now)))
      throw new MailError('exists', `there is a token "${name}" already`);
    if (others.length >= MOST_TOKENS)
      throw new MailError('limit-exceeded', `there are ${MOST_TOKENS} tokens: remove one first`);
  }
  rows.removeExpiredTokens(now);
  // Who signs in again and again and never out loses the oldest sessions.
  if (kind === 'session' && others.length >= MOST_TOKENS) rows.removeToken(others[0]!.id);
  rows.addToken({ ...token, name, scopes, createdAt: now }, hash);
}

function readScopes<T extends string>(scopes: readonly T[], known: readonly T[]): readonly T[] {
  const wrong = scopes.find((scope) => !known.includes(scope));
  if (wrong !== undefined)
    throw new MailError('bad-request', `there is no scope "${wrong}"; there are ${known.join(', ')}`);
  return known.filter((scope) => scopes.includes(scope));
}

function readNetworks(networks: readonly string[]): void {
  for (const network of networks) {
    try {
      networkMatcher([network]);
    } catch (cause) {
      throw new MailError('bad-request', `"${network}" is no network: write 192.0.2.0/24 or an address`, { cause });
    }
  }
}
