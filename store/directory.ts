/**
 * Who lives here: domains, accounts, addresses, credentials, and the shard of each account. `test/contract/directory.ts` is its suite.
 * Lookups compare local parts of our own domains without case; login names are addresses.
 */
import type { Address } from '#mail/envelope.ts';
import type { AccountId } from './types.ts';

export interface Directory {
  /** Where mail for an address goes. Expands one step; the caller expands aliases with a cycle check. */
  lookup(address: Address): Promise<Lookup>;
  isLocalDomain(domain: string): Promise<boolean>;

  /** Same work and same answer for a wrong user and a wrong password: `undefined`. */
  authenticate(login: string, password: string): Promise<Login | undefined>;
  /** SCRAM-SHA-256 secrets (RFC 5802 §3). An unknown user gets a stable made-up salt and `login: undefined`. */
  scram(login: string): Promise<ScramCredentials>;
  account(id: AccountId): Promise<Account | undefined>;
  /** May the account send as this address: its own, or an alias that leads to it alone or among others? */
  maySendAs(account: AccountId, address: Address): Promise<boolean>;

  domains(): Promise<readonly Domain[]>;
  accounts(): Promise<readonly Account[]>;
  aliases(): Promise<readonly Alias[]>;

  /** Durable when it answers. Throws `exists`, `no-such-account`, `bad-request` (says what to do), `unavailable`. */
  change(change: DirectoryChange): Promise<void>;
  close(): Promise<void>;
}

export type Lookup =
  /** `detail` is the part behind `+` of `user+detail` (RFC 5233). `address` is the account's own, canonical. */
  | { readonly kind: 'account'; readonly account: AccountId; readonly address: Address; readonly detail?: string }
  | { readonly kind: 'alias'; readonly targets: readonly Address[] }
  | { readonly kind: 'unknown' }
  /** Not one of our domains. */
  | { readonly kind: 'foreign' };

export interface Login {
  readonly account: AccountId;
  /** Canonical address of the account, for logs and `Received`. */
  readonly address: string;
}

export interface ScramCredentials {
  readonly login: Login | undefined;
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface Domain {
  readonly name: string;
  readonly createdAt: number;
}

export interface Account {
  readonly id: AccountId;
  readonly address: string;
  readonly shard: number;
  readonly createdAt: number;
  /** `removing`: marked before its rows in the shard go; it is unknown to lookups and logins. */
  readonly state: 'active' | 'creating' | 'removing';
}

export interface Alias {
  /** `local@domain`, or `@domain` for the catch-all. */
  readonly address: string;
  readonly targets: readonly string[];
  readonly createdAt: number;
}

export type DirectoryChange =
  | { readonly type: 'add-domain'; readonly name: string }
  /** Refused (`bad-request`) while accounts or aliases stand in it. */
  | { readonly type: 'remove-domain'; readonly name: string }
  /** Starts as `creating`; `activate-account` follows once its rows stand in the shard. */
  | {
      readonly type: 'add-account';
      readonly id: AccountId;
      readonly address: string;
      readonly shard: number;
      readonly secret: AccountSecret;
    }
  | { readonly type: 'activate-account'; readonly id: AccountId }
  | { readonly type: 'mark-removing'; readonly id: AccountId }
  | { readonly type: 'remove-account'; readonly id: AccountId }
  | { readonly type: 'set-secret'; readonly id: AccountId; readonly secret: AccountSecret }
  | { readonly type: 'add-alias'; readonly address: string; readonly targets: readonly string[] }
  | { readonly type: 'remove-alias'; readonly address: string };

/** Made from a password by `store/secret.ts`: argon2id for PLAIN and LOGIN, SCRAM-SHA-256 keys beside it. Never the password. */
export interface AccountSecret {
  readonly argon2: {
    readonly salt: Uint8Array;
    readonly hash: Uint8Array;
    readonly memory: number;
    readonly passes: number;
    readonly parallelism: number;
  };
  readonly scram: {
    readonly salt: Uint8Array;
    readonly iterations: number;
    readonly storedKey: Uint8Array;
    readonly serverKey: Uint8Array;
  };
}
