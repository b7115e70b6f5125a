/** The reading half of `Directory` over rows: the same for every backend that reads synchronously. */
import { createHmac } from 'node:crypto';
import type { Address } from '#mail/envelope.ts';
import type { Directory, Login, ScramCredentials } from './directory.ts';
import { leadsTo, loginAccount, lookup } from './directory-lookup.ts';
import type { DirectoryRows } from './directory-rows.ts';
import { PasswordChecker, SCRAM_ITERATIONS } from './secret.ts';
import type { AccountId } from './types.ts';

export type DirectoryReads = Omit<Directory, 'change' | 'close'>;

/** @param rows is asked anew at each call: it may open its connection then. */
export function directoryReads(rows: () => DirectoryRows, now: () => number): DirectoryReads {
  const passwords = new PasswordChecker({ now });
  return {
    lookup: async (address) => lookup(rows(), address),
    isLocalDomain: async (domain) => rows().domain(domain.toLowerCase()) !== undefined,
    async authenticate(login, password) {
      const account = loginAccount(rows(), login);
      const secret = account && rows().secret(account.id);
      const right = await passwords.check(secret?.argon2, password);
      return right && account !== undefined ? { account: account.id, address: account.address } : undefined;
    },
    scram: async (login) => scram(rows(), login),
    account: async (id: AccountId) => rows().accountById(id),
    maySendAs: async (account: AccountId, address: Address) => leadsTo(rows(), address, account),
    domains: async () => rows().domains(),
    accounts: async () => rows().accounts(),
    aliases: async () => rows().aliases(),
  };
}

function scram(rows: DirectoryRows, login: string): ScramCredentials {
  const account = loginAccount(rows, login);
  const secret = account && rows.secret(account.id);
  if (account === undefined || secret === undefined) return stranger(rows, login);
  const known: Login = { account: account.id, address: account.address };
  return { login: known, ...secret.scram };
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
