/** The directory in memory, for tests. */
import { randomBytes } from 'node:crypto';
import { CredentialUses } from '../credential-uses.ts';
import type { Account, AccountSecret, Alias, Directory, Domain } from '../directory.ts';
import { keepLogin } from '../directory-logins.ts';
import { directoryReads } from '../directory-reads.ts';
import type { DirectoryRows, DirectoryWrites } from '../directory-rows.ts';
import { applyChange } from '../directory-rules.ts';
import { LoginNotes } from '../login-notes.ts';
import type { AccountId } from '../types.ts';
import { MemoryRules } from './directory-rules.ts';

export interface MemoryDirectoryOptions {
  readonly clock: { now(): number };
}

export function createMemoryDirectory(options: MemoryDirectoryOptions): Directory {
  const rows = new MemoryRows();
  const now = () => options.clock.now();
  const uses = new CredentialUses((all) => {
    for (const use of all) rows.noteUse(use);
  });
  const logins = new LoginNotes((all) => {
    for (const login of all) keepLogin(rows, login);
  });
  const reads = directoryReads(() => rows, now);
  return {
    ...reads,
    logins: (query) => {
      logins.flush();
      return reads.logins(query);
    },
    change: async (change, by) => applyChange(rows, change, now(), by),
    noteUse: (use) => uses.note(use),
    noteLogin: (note) => logins.note(note),
    close: async () => {
      uses.close();
      logins.close();
    },
  };
}

class MemoryRows extends MemoryRules implements DirectoryRows, DirectoryWrites {
  readonly #domains = new Map<string, Domain>();
  readonly #accounts = new Map<AccountId, { account: Account; name: string }>();
  readonly #ids = new Map<string, AccountId>();
  readonly #secrets = new Map<AccountId, AccountSecret>();
  readonly #aliases = new Map<string, Alias>();
  readonly #pepper = randomBytes(32);

  domain(name: string): Domain | undefined {
    return this.#domains.get(name);
  }
  domains(): readonly Domain[] {
    return [...this.#domains.values()];
  }
  accountByName(name: string): Account | undefined {
    const id = this.#ids.get(name);
    return id === undefined ? undefined : this.accountById(id);
  }
  accountById(id: AccountId): Account | undefined {
    const account = this.#accounts.get(id)?.account;
    return account && { ...account, ...this.rulesOf(id) };
  }
  firstAccount(domain: string): Account | undefined {
    const entries = [...this.#accounts.values()];
    const first = entries.find(({ account, name }) => isHome(account) && name.endsWith(`@${domain}`));
    return first && this.accountById(first.account.id);
  }
  accounts(): readonly Account[] {
    return [...this.#accounts.values()].map(({ account }) => account);
  }
  secret(id: AccountId): AccountSecret | undefined {
    return this.#secrets.get(id);
  }
  alias(name: string): Alias | undefined {
    return this.#aliases.get(name);
  }
  aliases(): readonly Alias[] {
    return [...this.#aliases.values()];
  }
  isUsed(domain: string): boolean {
    return [...this.#ids.keys(), ...this.#aliases.keys()].some((name) => name.endsWith(`@${domain}`));
  }
  pepper(): Uint8Array {
    return this.#pepper;
  }

  addDomain(domain: Domain): void {
    this.#domains.set(domain.name, domain);
  }
  removeDomain(name: string): void {
    this.#domains.delete(name);
  }
  setDomainAlias(name: string, aliasOf: string | undefined): void {
    const { aliasOf: _, ...domain } = this.#domains.get(name)!;
    this.#domains.set(name, aliasOf === undefined ? domain : { ...domain, aliasOf });
  }
  putAccount(given: Account, name: string): void {
    const { filters: _f, autoreply: _a, senders: _s, ...account } = given;
    const before = this.#accounts.get(account.id);
    if (before !== undefined) this.#ids.delete(before.name);
    this.#accounts.set(account.id, { account, name });
    this.#ids.set(name, account.id);
  }
  removeAccount(id: AccountId): void {
    const known = this.#accounts.get(id);
    if (known !== undefined) this.#ids.delete(known.name);
    this.#accounts.delete(id);
    this.#secrets.delete(id);
    this.removeCredentialsOf(id);
    this.removeRulesOf(id);
  }
  putSecret(id: AccountId, secret: AccountSecret): void {
    this.#secrets.set(id, secret);
  }
  addAlias(alias: Alias, name: string): void {
    this.#aliases.set(name, alias);
  }
  removeAlias(name: string): void {
    this.#aliases.delete(name);
  }
  setAliasTargets(name: string, targets: readonly string[]): void {
    const alias = this.#aliases.get(name);
    if (alias !== undefined) this.#aliases.set(name, { ...alias, targets });
  }
}

const isHome = ({ state, moved }: Account): boolean => state === 'active' && moved === undefined;
