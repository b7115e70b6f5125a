/** The directory's rows in SQLite. One connection: read-only for everybody, writing for the holder of the lease. */
import { join } from 'node:path';
import type { Account, AccountSecret, Alias, Domain } from '../directory.ts';
import type { DirectoryRows, DirectoryWrites } from '../directory-rows.ts';
import type { AccountId } from '../types.ts';
import { SqliteRuleRows } from './directory-rule-rows.ts';

export const directoryFile = (data: string): string => join(data, 'directory.sqlite');
/** For `lease.ts`, which adds its own endings. */
export const directoryLease = (data: string): string => join(data, 'directory');

export const DIRECTORY_MIGRATIONS: readonly string[] = [
  `CREATE TABLE domain (name TEXT PRIMARY KEY, created_at INTEGER NOT NULL) STRICT;
   CREATE TABLE account (
     seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, address TEXT NOT NULL, domain TEXT NOT NULL,
     shard INTEGER NOT NULL, state TEXT NOT NULL, created_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX account_of_domain ON account (domain, state);
   CREATE TABLE secret (id TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
   CREATE TABLE alias (
     seq INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, address TEXT NOT NULL, domain TEXT NOT NULL,
     targets TEXT NOT NULL, created_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX alias_of_domain ON alias (domain);
   CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
   INSERT INTO meta VALUES ('pepper', randomblob(32));`,
  `ALTER TABLE account ADD COLUMN settings TEXT;
   CREATE TABLE app_password (
     seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL, keys TEXT NOT NULL,
     created_at INTEGER NOT NULL, used_at INTEGER, used_from TEXT
   ) STRICT;
   CREATE INDEX app_password_of_account ON app_password (account);
   CREATE TABLE token (
     seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, hash BLOB NOT NULL UNIQUE, account TEXT, kind TEXT NOT NULL, name TEXT NOT NULL,
     scopes TEXT NOT NULL, networks TEXT, created_at INTEGER NOT NULL, expires_at INTEGER, used_at INTEGER, used_from TEXT
   ) STRICT;
   CREATE INDEX token_of_account ON token (account);
   CREATE INDEX token_by_expiry ON token (expires_at) WHERE expires_at IS NOT NULL;
   CREATE TABLE audit (
     seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, act TEXT NOT NULL, target TEXT NOT NULL, detail TEXT
   ) STRICT;
   CREATE INDEX audit_by_actor ON audit (actor, seq);
   CREATE INDEX audit_by_target ON audit (target, seq);`,
  `ALTER TABLE domain ADD COLUMN alias_of TEXT;
   ALTER TABLE account ADD COLUMN rules TEXT;
   CREATE TABLE second_factor (id TEXT PRIMARY KEY, secret BLOB NOT NULL, recovery TEXT NOT NULL, last_step INTEGER NOT NULL) STRICT;
   CREATE TABLE dkim_key (
     seq INTEGER PRIMARY KEY, domain TEXT NOT NULL, selector TEXT NOT NULL, algorithm TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL,
     created_at INTEGER NOT NULL, UNIQUE (domain, selector)
   ) STRICT;
   CREATE TABLE login (
     seq INTEGER PRIMARY KEY, account TEXT, login TEXT NOT NULL, protocol TEXT NOT NULL, remote TEXT NOT NULL, outcome TEXT NOT NULL,
     app_password TEXT, token TEXT, first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX login_of_account ON login (account, seq);
   CREATE INDEX login_like ON login (account, remote, first);`,
  `ALTER TABLE dkim_key ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
   UPDATE dkim_key SET since = created_at;`,
];

const COLUMNS = 'id, address, shard, created_at AS createdAt, state, settings';
const ACCOUNT = `SELECT ${COLUMNS}, rules FROM account`;
const DOMAIN = 'SELECT name, created_at AS createdAt, alias_of AS aliasOf FROM domain';
const ALIAS = 'SELECT address, targets, created_at AS createdAt FROM alias';

export class SqliteDirectoryRows extends SqliteRuleRows implements DirectoryRows, DirectoryWrites {
  domain(name: string): Domain | undefined {
    return toDomain(this.db.statement(`${DOMAIN} WHERE name = ?`).get(name));
  }
  domains(): readonly Domain[] {
    return this.db.statement(`${DOMAIN} ORDER BY rowid`).all().map(toDomain) as Domain[];
  }
  accountByName(name: string): Account | undefined {
    return toAccount(this.db.statement(`${ACCOUNT} WHERE name = ?`).get(name));
  }
  accountById(id: AccountId): Account | undefined {
    return toAccount(this.db.statement(`${ACCOUNT} WHERE id = ?`).get(id));
  }
  firstAccount(domain: string): Account | undefined {
    const sql = `${ACCOUNT} WHERE domain = ? AND state = 'active'
      AND (settings IS NULL OR settings ->> '$.moved' IS NULL) ORDER BY seq LIMIT 1`;
    return toAccount(this.db.statement(sql).get(domain));
  }
  accounts(): readonly Account[] {
    // Rules may be long, and whoever wants all accounts wants none of them.
    const sql = `SELECT ${COLUMNS}, NULL AS rules FROM account ORDER BY seq`;
    return this.db.statement(sql).all().map(toAccount) as Account[];
  }
  secret(id: AccountId): AccountSecret | undefined {
    const row = this.db.statement('SELECT value FROM secret WHERE id = ?').get(id);
    return row && unpackSecret(String(row.value));
  }
  alias(name: string): Alias | undefined {
    return toAlias(this.db.statement(`${ALIAS} WHERE name = ?`).get(name));
  }
  aliases(): readonly Alias[] {
    return this.db.statement(`${ALIAS} ORDER BY seq`).all().map(toAlias) as Alias[];
  }
  isUsed(domain: string): boolean {
    const sql =
      'SELECT EXISTS (SELECT 1 FROM account WHERE domain = ?1) OR EXISTS (SELECT 1 FROM alias WHERE domain = ?1) AS used';
    return this.db.statement(sql).get(domain)?.used === 1;
  }
  pepper(): Uint8Array {
    return this.db.statement("SELECT value FROM meta WHERE key = 'pepper'").get()?.value as Uint8Array;
  }

  addDomain({ name, createdAt }: Domain): void {
    this.db.statement('INSERT INTO domain (name, created_at) VALUES (?, ?)').run(name, createdAt);
  }
  removeDomain(name: string): void {
    this.db.statement('DELETE FROM domain WHERE name = ?').run(name);
  }
  setDomainAlias(name: string, aliasOf: string | undefined): void {
    this.db.statement('UPDATE domain SET alias_of = ? WHERE name = ?').run(aliasOf ?? null, name);
  }
  putAccount(account: Account, name: string): void {
    const { id, address, shard, state, createdAt, filters: _f, autoreply: _a, senders: _s, ...settings } = account;
    const packed = Object.keys(settings).length > 0 ? JSON.stringify(settings) : null;
    const sql = `INSERT INTO account (id, name, address, domain, shard, state, created_at, settings) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET name = excluded.name, address = excluded.address, domain = excluded.domain,
        state = excluded.state, shard = excluded.shard, settings = excluded.settings`;
    this.db.statement(sql).run(id, name, address, domainOf(name), shard, state, createdAt, packed);
  }
  removeAccount(id: AccountId): void {
    this.db.statement('DELETE FROM account WHERE id = ?').run(id);
    this.db.statement('DELETE FROM secret WHERE id = ?').run(id);
    this.removeCredentialsOf(id);
    this.removeRulesOf(id);
  }
  putSecret(id: AccountId, secret: AccountSecret): void {
    const sql = 'INSERT INTO secret VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value';
    this.db.statement(sql).run(id, packSecret(secret));
  }
  addAlias({ address, targets, createdAt }: Alias, name: string): void {
    const sql = 'INSERT INTO alias (name, address, domain, targets, created_at) VALUES (?, ?, ?, ?, ?)';
    this.db.statement(sql).run(name, address, domainOf(name), JSON.stringify(targets), createdAt);
  }
  removeAlias(name: string): void {
    this.db.statement('DELETE FROM alias WHERE name = ?').run(name);
  }
  setAliasTargets(name: string, targets: readonly string[]): void {
    this.db.statement('UPDATE alias SET targets = ? WHERE name = ?').run(JSON.stringify(targets), name);
  }
}

const domainOf = (name: string): string => name.slice(name.lastIndexOf('@') + 1);

type Row = Record<string, unknown> | undefined;

interface StoredAccount extends Account {
  readonly settings: string | null;
  readonly rules: string | null;
}

/** Rows come without a prototype; whoever compares or clones them expects plain objects. Written out: each lookup that isn't remembered makes one of each. */
function toDomain(row: Row): Domain | undefined {
  if (row === undefined) return undefined;
  const { name, createdAt, aliasOf } = row as unknown as Domain & { readonly aliasOf: string | null };
  return aliasOf === null ? { name, createdAt } : { name, createdAt, aliasOf };
}

function toAccount(row: Row): Account | undefined {
  if (row === undefined) return undefined;
  const { id, address, shard, createdAt, state, settings, rules } = row as unknown as StoredAccount;
  const account = { id, address, shard, createdAt, state };
  if (settings === null && rules === null) return account;
  return { ...account, ...parsed(settings), ...parsed(rules) };
}

const parsed = (text: string | null): Partial<Account> => (text === null ? {} : JSON.parse(text));

function toAlias(row: Row): Alias | undefined {
  if (row === undefined) return undefined;
  const { address, targets, createdAt } = row;
  return { address: String(address), targets: JSON.parse(String(targets)), createdAt: Number(createdAt) };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytes = (value: string): Uint8Array => Buffer.from(value, 'base64');

function packSecret({ argon2, scram }: AccountSecret): string {
  return JSON.stringify({
    argon2: { ...argon2, salt: text(argon2.salt), hash: text(argon2.hash) },
    scram: {
      ...scram,
      salt: text(scram.salt),
      storedKey: text(scram.storedKey),
      serverKey: text(scram.serverKey),
    },
  });
}

function unpackSecret(packed: string): AccountSecret {
  const { argon2, scram } = JSON.parse(packed);
  return {
    argon2: { ...argon2, salt: bytes(argon2.salt), hash: bytes(argon2.hash) },
    scram: {
      ...scram,
      salt: bytes(scram.salt),
      storedKey: bytes(scram.storedKey),
      serverKey: bytes(scram.serverKey),
    },
  };
}
