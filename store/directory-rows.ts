/** What a directory backend stores, row by row; the rules stand above it (directory-rules.ts). Synchronous: rows are few and near. */
import type { Account, AccountSecret, Alias, Domain } from './directory.ts';
import type { AccountId } from './types.ts';

/** Names are keys in the form of `directory-names.ts`: `local@domain`, or `@domain` for a catch-all. */
export interface DirectoryRows {
  domain(name: string): Domain | undefined;
  domains(): readonly Domain[];
  /** In any state. */
  accountByName(name: string): Account | undefined;
  accountById(id: AccountId): Account | undefined;
  /** The active account of the domain that came first. */
  firstAccount(domain: string): Account | undefined;
  accounts(): readonly Account[];
  secret(id: AccountId): AccountSecret | undefined;
  alias(name: string): Alias | undefined;
  aliases(): readonly Alias[];
  /** Does any account (in any state) or alias stand in the domain? */
  isUsed(domain: string): boolean;
  /** Random octets, made once for all time: what unknown users' SCRAM salts are made from. */
  pepper(): Uint8Array;
}

export interface DirectoryWrites {
  addDomain(domain: Domain): void;
  removeDomain(name: string): void;
  /** Adds it, or replaces that of the same id. */
  putAccount(account: Account, name: string): void;
  removeAccount(id: AccountId): void;
  putSecret(id: AccountId, secret: AccountSecret): void;
  addAlias(alias: Alias, name: string): void;
  removeAlias(name: string): void;
}
