/**
 * Who lives here: domains, accounts, addresses, credentials, and the shard of each account. `test/contract/directory.ts` is its suite.
 * Lookups compare local parts of our own domains without case; login names are addresses.
 */
import type { Address } from '#mail/envelope.ts';
import type { MailError } from '#mail/failure.ts';
import type { ScramKeys } from '#mail/sasl/scram.ts';
import type {
  AccountRules,
  Autoreply,
  DkimAlgorithm,
  DkimKey,
  DkimState,
  Filter,
  SenderLists,
} from './account-rules.ts';
import type {
  AppPassword,
  AppScope,
  AuditLine,
  AuditQuery,
  By,
  CredentialUse,
  LoginLine,
  LoginNote,
  LoginQuery,
  SecondFactor,
  Token,
} from './credentials.ts';
import type { AccountId } from './types.ts';

export type {
  AppPassword,
  AppScope,
  AuditLine,
  AuditQuery,
  By,
  CredentialUse,
  LoginLine,
  LoginNote,
  LoginQuery,
  SecondFactor,
  Token,
  TokenScope,
} from './credentials.ts';

export interface Directory {
  /** Where mail for an address goes. Expands one step; the caller expands aliases with a cycle check. */
  lookup(address: Address): Promise<Lookup>;
  isLocalDomain(domain: string): Promise<boolean>;

  /**
   * Same work and same answer for a wrong user and a wrong password: `undefined`. With `use`, app passwords of that scope are taken too; without
   * it the account's own password alone. Where the account has a second factor, `use` takes app passwords alone. Throws `not-permitted` for the right
   * password of a suspended account.
   */
  authenticate(login: string, password: string, use?: AppScope): Promise<Login | undefined>;
  /**
   * SCRAM-SHA-256 secrets (RFC 5802 §3). An unknown user gets a stable made-up salt and `login: undefined`. With `use`, the keys of app passwords of
   * that scope are among `others`; where the account has a second factor, they alone are offered. `refusal` is what who proved to know the secret of a suspended account is told.
   */
  scram(login: string, use?: AppScope): Promise<ScramCredentials>;
  account(id: AccountId): Promise<Account | undefined>;
  /** The active account that somebody would log in to under this name. */
  accountNamed(login: string): Promise<Account | undefined>;
  /** What the account's password is checked by: for an archive, or another peer that takes the account over. */
  secret(id: AccountId): Promise<AccountSecret | undefined>;
  /** May the account send as this address: its own, or an alias that leads to it alone or among others? */
  maySendAs(account: AccountId, address: Address): Promise<boolean>;

  domains(): Promise<readonly Domain[]>;
  /** Without their filters, autoreplies and sender lists. */
  accounts(): Promise<readonly Account[]>;
  aliases(): Promise<readonly Alias[]>;

  appPasswords(account: AccountId): Promise<readonly AppPassword[]>;
  /** With what checks them, as `secret` has it of the account's own. */
  appPasswordKeys(account: AccountId): Promise<readonly (AppPassword & { readonly keys: readonly ScramKeys[] })[]>;
  /** Of one account, or all of the peer; expired ones are left out. */
  tokens(account?: AccountId): Promise<readonly Token[]>;
  /**
   * The token behind a text (`hashToken`), if it counts today: not expired, its account active. Throws `not-permitted` when its account is
   * suspended. Whether it may come from where it came (`networks`) is for the caller to check.
   */
  token(hash: Uint8Array): Promise<Token | undefined>;
  tokenById(id: string): Promise<Token | undefined>;
  /** Of all accounts of the peer; remembered as lookups are. */
  peerSenders(): Promise<SenderLists>;
  /** In the order in which they came; remembered as lookups are. With their private keys: for who signs, and nobody else. */
  dkimKeys(domain?: string): Promise<readonly DkimKey[]>;
  secondFactor(account: AccountId): Promise<SecondFactor | undefined>;
  /** Newest first, of the last 30 days; at most 500 lines an account are kept, and 5,000 of names that nobody has. */
  logins(query: LoginQuery): Promise<readonly LoginLine[]>;
  /** Newest first. */
  audit(query: AuditQuery): Promise<readonly AuditLine[]>;

  /**
   * Durable when it answers. Throws `exists`, `no-such-account`, `not-found`, `bad-request` (says what to do), `unavailable`. With `by`, a line of the audit
   * log is written in the same transaction.
   */
  change(change: DirectoryChange, by?: By): Promise<void>;
  /** Keeps when and from where a credential was used last: at most once a minute each, some seconds later. May be lost. */
  noteUse(use: CredentialUse): void;
  /** Written some seconds later, those that are alike together. May be lost. A name that is no address of ours is not kept: people type passwords there. */
  noteLogin(note: LoginNote): void;
  close(): Promise<void>;
}

export type Lookup =
  /** `detail` is the part behind `+` of `user+detail` (RFC 5233). `address` is the account's own, canonical. */
  | {
      readonly kind: 'account';
      readonly account: AccountId;
      readonly address: Address;
      readonly detail?: string;
      /** Where its mail goes besides (`keep`) or instead. */
      readonly forward?: { readonly targets: readonly Address[]; readonly keep: boolean };
      /** What is enabled and not empty; absent where nothing is. */
      readonly rules?: AccountRules;
    }
  /** The account lives elsewhere now: its mail is forwarded there, or refused with the new address (RFC 5321 §3.4). */
  | {
      readonly kind: 'moved';
      readonly account: AccountId;
      readonly to: Address;
      readonly how: 'forward' | 'reject';
    }
  | { readonly kind: 'alias'; readonly targets: readonly Address[] }
  | { readonly kind: 'unknown' }
  /** Not one of our domains. */
  | { readonly kind: 'foreign' };

export interface Login {
  readonly account: AccountId;
  /** Canonical address of the account, for logs and `Received`. */
  readonly address: string;
  /** The app password that was used; absent when it was the account's own. */
  readonly appPassword?: string;
}

/** A `ScramSecret` of `mail/sasl/exchange.ts`. */
export interface ScramCredentials {
  readonly login: Login | undefined;
  readonly others?: readonly (ScramKeys & { readonly login: Login })[];
  readonly refusal?: MailError;
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface Domain {
  readonly name: string;
  readonly createdAt: number;
  /** Mail for local@name is looked up as local@aliasOf, unless an address of its own stands in it; accounts may log in and send under it. */
  readonly aliasOf?: string;
}

export interface Account {
  readonly id: AccountId;
  readonly address: string;
  readonly shard: number;
  readonly createdAt: number;
  /** `removing`: marked before its rows in the shard go; it is unknown to lookups and logins. */
  readonly state: 'active' | 'creating' | 'removing';
  /** Logins and submission are refused; mail still comes in. */
  readonly suspended?: true;
  /** May act as an admin of this peer. */
  readonly admin?: true;
  readonly forward?: { readonly targets: readonly string[]; readonly keep: boolean };
  readonly moved?: { readonly to: string; readonly how: 'forward' | 'reject' };
  /** These three come with one account that is asked for; `accounts()` leaves them out. */
  readonly filters?: readonly Filter[];
  readonly autoreply?: Autoreply;
  readonly senders?: SenderLists;
  /** Its own password opens the web session alone, with a code. */
  readonly secondFactor?: true;
}

export interface Alias {
  /** `local@domain`, or `@domain` for the catch-all. */
  readonly address: string;
  readonly targets: readonly string[];
  readonly createdAt: number;
}

export type DirectoryChange =
  /**
   * All accounts and aliases of `name` stand in `to` from now on, and what led there (aliases, forwards, filters, alias domains) leads there. `to` may be new, one of
   * ours in which none of the names is taken (`exists`), or an alias of `name`. With `alias` the old name stays as an alias domain, with its DKIM keys; without,
   * it goes with them. Keys for the new name are to be made. Refused (`conflict`) where an address leads from the old name to itself in the new one.
   */
  | { readonly type: 'rename-domain'; readonly name: string; readonly to: string; readonly alias: boolean }
  /** `aliasOf` as in `set-domain-alias`. */
  | { readonly type: 'add-domain'; readonly name: string; readonly aliasOf?: string }
  /** Refused (`conflict`) while accounts or aliases stand in it, or another domain is an alias of it. Its DKIM keys go with it. */
  | { readonly type: 'remove-domain'; readonly name: string }
  /**
   * Without `aliasOf` it stands for itself again. Accounts and aliases may stand in an alias domain: they go before those of the other. One step alone: refused
   * (`bad-request`) where `aliasOf` is no domain of ours, the same, or an alias itself, and (`conflict`) where another domain is an alias of this one.
   */
  | { readonly type: 'set-domain-alias'; readonly name: string; readonly aliasOf?: string }
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
  /**
   * Ends the account's sessions of pages, but for `keep`. App passwords are keyed with the salt of `secret.scram`: while there are any, it stays
   * as it is (`bad-request`; see `makeSecret`).
   */
  | { readonly type: 'set-secret'; readonly id: AccountId; readonly secret: AccountSecret; readonly keep?: string }
  | { readonly type: 'suspend-account'; readonly id: AccountId; readonly suspended: boolean }
  | { readonly type: 'set-admin'; readonly id: AccountId; readonly admin: boolean }
  /** Without `forward` there is none any more. */
  | { readonly type: 'set-forward'; readonly id: AccountId; readonly forward?: NonNullable<Account['forward']> }
  | { readonly type: 'set-moved'; readonly id: AccountId; readonly moved?: NonNullable<Account['moved']> }
  /** At most 100, 64 KB as JSON. An empty list: none any more. With `was`, refused (`conflict`) where they are others by now; so with the lists of senders. */
  | {
      readonly type: 'set-filters';
      readonly id: AccountId;
      readonly filters: readonly Filter[];
      readonly was?: readonly Filter[];
    }
  /** At most 64 KB of text and of HTML. Without `autoreply` there is none any more. */
  | { readonly type: 'set-autoreply'; readonly id: AccountId; readonly autoreply?: Autoreply }
  /** At most 1,000 entries each. */
  | {
      readonly type: 'set-senders';
      readonly id: AccountId;
      readonly senders: SenderLists;
      readonly was?: SenderLists;
    }
  | { readonly type: 'set-peer-senders'; readonly senders: SenderLists; readonly was?: SenderLists }
  /** Replaces the one before. `recovery` are hashes; codes up to that of `lastStep` have been used, without it none. */
  | {
      readonly type: 'set-second-factor';
      readonly id: AccountId;
      readonly secret: Uint8Array;
      readonly recovery: readonly Uint8Array[];
      readonly lastStep?: number;
    }
  /** Refused (`conflict`) where it isn't there: each counts once. */
  | { readonly type: 'use-recovery-code'; readonly id: AccountId; readonly hash: Uint8Array }
  /** Refused (`conflict`) where the step is not later than the last: each code counts once. */
  | { readonly type: 'note-second-factor-step'; readonly id: AccountId; readonly step: number }
  | { readonly type: 'remove-second-factor'; readonly id: AccountId }
  /** Starts as `published-only`. `bad-request` where the key is no private key of the algorithm. */
  | {
      readonly type: 'add-dkim-key';
      readonly domain: string;
      readonly selector: string;
      readonly algorithm: DkimAlgorithm;
      /** PKCS #8 PEM. */
      readonly key: string;
    }
  | {
      readonly type: 'set-dkim-state';
      readonly domain: string;
      readonly selector: string;
      readonly state: DkimState;
    }
  | { readonly type: 'remove-dkim-key'; readonly domain: string; readonly selector: string }
  /** Aliases, forwards and filters that led to the old address lead to the new one; with `alias` the old address stays as one. */
  | { readonly type: 'rename-account'; readonly id: AccountId; readonly address: string; readonly alias: boolean }
  | {
      readonly type: 'add-app-password';
      readonly id: string;
      readonly account: AccountId;
      readonly name: string;
      readonly scopes: readonly AppScope[];
      /** Of `makeAppPassword`, with the salt and iterations that `scram` gave. */
      readonly made: { readonly salt: Uint8Array; readonly iterations: number; readonly keys: readonly ScramKeys[] };
    }
  | { readonly type: 'remove-app-password'; readonly id: string }
  /** `createdAt` is the directory's own clock. */
  | {
      readonly type: 'add-token';
      readonly token: Omit<Token, 'createdAt' | 'lastUsedAt' | 'lastUsedFrom'>;
      readonly hash: Uint8Array;
    }
  | { readonly type: 'remove-token'; readonly id: string }
  /** Changes nothing: for acts that are none of the directory's, but belong into the audit log. */
  | { readonly type: 'note-act'; readonly act: string; readonly target: string }
  | { readonly type: 'add-alias'; readonly address: string; readonly targets: readonly string[] }
  /** Between the old targets and the new ones there is no moment without any. */
  | { readonly type: 'set-alias'; readonly address: string; readonly targets: readonly string[] }
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
