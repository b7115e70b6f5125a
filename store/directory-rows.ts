/** What a directory backend stores, row by row; the rules stand above it (directory-rules.ts). Synchronous: rows are few and near. */
import type { ScramKeys } from '#mail/sasl/scram.ts';
import type { AccountRules, DkimKey, SenderLists } from './account-rules.ts';
import type {
  Account,
  AccountSecret,
  Alias,
  AppPassword,
  AuditLine,
  AuditQuery,
  CredentialUse,
  Domain,
  LoginLine,
  LoginNote,
  LoginQuery,
  SecondFactor,
  Token,
} from './directory.ts';
import type { AccountId } from './types.ts';

export interface StoredAppPassword extends AppPassword {
  /** The bare letters' first; see `makeAppPassword`. */
  readonly keys: readonly ScramKeys[];
}

/** Names are keys in the form of `directory-names.ts`: `local@domain`, or `@domain` for a catch-all. */
export interface DirectoryRows {
  domain(name: string): Domain | undefined;
  domains(): readonly Domain[];
  /** In any state. */
  accountByName(name: string): Account | undefined;
  accountById(id: AccountId): Account | undefined;
  /** The active account of the domain that came first and has not moved away. */
  firstAccount(domain: string): Account | undefined;
  /** Without filters, autoreplies and sender lists. */
  accounts(): readonly Account[];
  accountRules(): readonly { readonly id: AccountId; readonly rules: AccountRules }[];
  peerSenders(): SenderLists | undefined;
  secondFactor(id: AccountId): SecondFactor | undefined;
  dkimKeys(domain?: string): readonly DkimKey[];
  /** Newest first, none whose last login was before `since`. */
  logins(query: LoginQuery, since: number): readonly LoginLine[];
  /** The newest line that is like this note, begun at `since` or later. */
  likeLogin(note: LoginNote, since: number): LoginLine | undefined;
  secret(id: AccountId): AccountSecret | undefined;
  alias(name: string): Alias | undefined;
  aliases(): readonly Alias[];
  /** Does any account (in any state) or alias stand in the domain? */
  isUsed(domain: string): boolean;
  /** Random octets, made once for all time: what unknown users' SCRAM salts are made from. */
  pepper(): Uint8Array;
  appPasswords(account: AccountId): readonly StoredAppPassword[];
  appPasswordById(id: string): StoredAppPassword | undefined;
  /** Expired ones too; of everybody without an account. */
  tokens(account?: AccountId): readonly Token[];
  tokenByHash(hash: Uint8Array): Token | undefined;
  tokenById(id: string): Token | undefined;
  /** Newest first. */
  audit(query: AuditQuery): readonly AuditLine[];
}

export interface DirectoryWrites {
  addDomain(domain: Domain): void;
  removeDomain(name: string): void;
  /** Adds it, or replaces that of the same id, whose name may have been another. */
  putAccount(account: Account, name: string): void;
  /** Instead of what was there. `putAccount` leaves them as they are. */
  putRules(id: AccountId, rules: AccountRules): void;
  putPeerSenders(senders: SenderLists): void;
  setDomainAlias(name: string, aliasOf: string | undefined): void;
  putSecondFactor(id: AccountId, factor: SecondFactor | undefined): void;
  /** Adds it, or replaces that of the same selector. */
  putDkimKey(key: DkimKey): void;
  removeDkimKey(domain: string, selector: string): void;
  addLogin(line: Omit<LoginLine, 'id'>): void;
  extendLogin(id: string, last: number, count: number): void;
  /** All but the newest lines with that outcome of the account, or of those that belong to none. */
  dropLogins(account: AccountId | undefined, outcome: LoginLine['outcome'], keep: number): void;
  /** Some of the oldest lines, if their last login was before that. */
  dropOldLogins(before: number): void;
  /** With its secret, rules, second factor, app passwords, tokens and logins. */
  removeAccount(id: AccountId): void;
  putSecret(id: AccountId, secret: AccountSecret): void;
  addAlias(alias: Alias, name: string): void;
  removeAlias(name: string): void;
  setAliasTargets(name: string, targets: readonly string[]): void;
  addAppPassword(password: StoredAppPassword): void;
  removeAppPassword(id: string): void;
  addToken(token: Token, hash: Uint8Array): void;
  removeToken(id: string): void;
  removeExpiredTokens(now: number): void;
  /** Nothing happens for a credential that is no more. */
  noteUse(use: CredentialUse): void;
  addAuditLine(line: Omit<AuditLine, 'id'>): void;
  /** A few of the oldest lines, if they are older than that. */
  dropAuditLines(before: number): void;
}
