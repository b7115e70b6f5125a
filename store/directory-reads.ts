/** The reading half of `Directory` over rows: the same for every backend that reads synchronously. */
import { createHmac } from 'node:crypto';
import type { Address } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { NO_SENDERS } from './account-rules.ts';
import { readAppPassword } from './app-password.ts';
import type { Account, AppPassword, AppScope, Directory, Login, ScramCredentials, Token } from './directory.ts';
import { LOGINS_KEPT_MS } from './directory-logins.ts';
import { leadsTo, loginAccount, lookup } from './directory-lookup.ts';
import type { DirectoryRows, StoredAppPassword } from './directory-rows.ts';
import { PasswordChecker, SCRAM_ITERATIONS } from './secret.ts';
import type { AccountId } from './types.ts';

export type DirectoryReads = Omit<Directory, 'change' | 'noteUse' | 'noteLogin' | 'close'>;

/** @param rows is asked anew at each call: it may open its connection then. */
export function directoryReads(rows: () => DirectoryRows, now: () => number): DirectoryReads {
  const passwords = new PasswordChecker({ now });
  const counts = ({ expiresAt }: Token): boolean => expiresAt === undefined || expiresAt > now();
  return {
    lookup: async (address) => lookup(rows(), address),
    isLocalDomain: async (domain) => rows().domain(domain.toLowerCase()) !== undefined,
    authenticate: (login, password, use) => authenticate(rows(), passwords, login, password, use),
    scram: async (login, use) => scram(rows(), login, use),
    account: async (id: AccountId) => rows().accountById(id),
    accountNamed: async (login) => loginAccount(rows(), login),
    secret: async (id: AccountId) => rows().secret(id),
    maySendAs: async (account: AccountId, address: Address) => leadsTo(rows(), address, account),
    domains: async () => rows().domains(),
    accounts: async () => rows().accounts(),
    aliases: async () => rows().aliases(),
    appPasswords: async (account) => rows().appPasswords(account).map(shown),
    appPasswordKeys: async (account) => rows().appPasswords(account),
    tokens: async (account) => rows().tokens(account).filter(counts),
    async token(hash) {
      const token = rows().tokenByHash(hash);
      if (token === undefined || !counts(token)) return undefined;
      const account = token.account === undefined ? undefined : rows().accountById(token.account);
      if (token.account !== undefined && account?.state !== 'active') return undefined;
      if (account?.suspended) throw closed(account);
      return token;
    },
    tokenById: async (id) => rows().tokenById(id),
    peerSenders: async () => rows().peerSenders() ?? NO_SENDERS,
    dkimKeys: async (domain) => rows().dkimKeys(domain?.toLowerCase()),
    secondFactor: async (account) => rows().secondFactor(account),
    logins: async (query) => rows().logins(query, now() - LOGINS_KEPT_MS),
    audit: async (query) => rows().audit(query),
  };
}

function shown(password: StoredAppPassword): AppPassword {
  const { keys: _, ...rest } = password;
  return rest;
}

/** Whoever cannot come in learns nothing of why; who has the right password learns this. A move ends with a suspension. */
function closed({ moved }: Account): MailError {
  if (moved === undefined) return new MailError('not-permitted', 'The account is suspended');
  // Clients of any age read this.
  const to = /^[!-~]+$/.test(moved.to) ? `: log in as ${moved.to}` : '';
  return new MailError('not-permitted', `The account lives elsewhere now${to}`);
}

async function authenticate(
  rows: DirectoryRows,
  passwords: PasswordChecker,
  login: string,
  password: string,
  use: AppScope | undefined,
): Promise<Login | undefined> {
  const account = loginAccount(rows, login);
  const secret = account && rows.secret(account.id);
  const bare = use === undefined ? undefined : readAppPassword(password);
  const offered = account === undefined ? [] : appPasswordsFor(rows, account.id, use);
  // A stranger's costs the same as somebody's.
  const app =
    bare === undefined ? undefined : await passwords.pick(offered, secret?.scram ?? stranger(rows, login), bare);
  // What doesn't count is checked in vain, like that of nobody: whether it was right shows in nothing.
  const own = takesOwnPassword(account, use) ? secret?.argon2 : undefined;
  const right = app !== undefined || (await passwords.check(own, password));
  if (!right || account === undefined) return undefined;
  if (account.suspended) throw closed(account);
  return { account: account.id, address: account.address, ...(app && { appPassword: app.id }) };
}

/** With a second factor the own password opens the web session alone, which asks without a use and then for a code. */
function takesOwnPassword(account: Account | undefined, use: AppScope | undefined): boolean {
  return use === undefined || account?.secondFactor !== true;
}

function appPasswordsFor(
  rows: DirectoryRows,
  account: AccountId,
  use: AppScope | undefined,
): readonly StoredAppPassword[] {
  if (use === undefined) return [];
  return rows.appPasswords(account).filter(({ scopes }) => scopes.length === 0 || scopes.includes(use));
}

function scram(rows: DirectoryRows, login: string, use: AppScope | undefined): ScramCredentials {
  const account = loginAccount(rows, login);
  const secret = account && rows.secret(account.id);
  if (account === undefined || secret === undefined) return stranger(rows, login);
  const known: Login = { account: account.id, address: account.address };
  const others = appPasswordsFor(rows, account.id, use).flatMap(({ id, keys }) =>
    keys.map((key) => ({ ...key, login: { ...known, appPassword: id } })),
  );
  const own = takesOwnPassword(account, use)
    ? { login: known, ...secret.scram }
    : { ...stranger(rows, login), salt: secret.scram.salt, iterations: secret.scram.iterations };
  return {
    ...own,
    ...(others.length > 0 && { others }),
    ...(account.suspended && { refusal: closed(account) }),
  };
}

/** RFC 5802 §9: who does not exist looks like who does, today and tomorrow. */
function stranger(rows: DirectoryRows, login: string): ScramCredentials {
  const make = (what: string) =>
    createHmac('sha256', rows.pepper())
      .update(`${what} ${login.normalize('NFC').toLowerCase()}`)
      .digest();
  const keys = { storedKey: make('stored key'), serverKey: make('server key') };
  return { login: undefined, salt: make('salt').subarray(0, 16), iterations: SCRAM_ITERATIONS, ...keys };
}
