/** The directory's rows of app passwords, tokens and the audit log in SQLite. */
import type { AppPassword, AuditLine, AuditQuery, CredentialUse, Token } from '../directory.ts';
import type { DirectoryRows, DirectoryWrites, StoredAppPassword } from '../directory-rows.ts';
import type { AccountId } from '../types.ts';
import type { Database } from './database.ts';

const PASSWORD = `SELECT id, account, name, scopes, keys, created_at AS createdAt, used_at AS lastUsedAt, used_from AS lastUsedFrom
  FROM app_password`;
const TOKEN = `SELECT id, account, kind, name, scopes, networks, created_at AS createdAt, expires_at AS expiresAt,
  used_at AS lastUsedAt, used_from AS lastUsedFrom FROM token`;
/** Old lines go a few at a time, with each new one. */
const DROPPED_AT_ONCE = 10;

type Kept = 'appPasswords' | 'appPasswordById' | 'tokens' | 'tokenByHash' | 'tokenById' | 'audit';
type Written =
  | 'addAppPassword'
  | 'removeAppPassword'
  | 'addToken'
  | 'removeToken'
  | 'removeExpiredTokens'
  | 'noteUse'
  | 'addAuditLine'
  | 'dropAuditLines';

export class SqliteCredentialRows implements Pick<DirectoryRows, Kept>, Pick<DirectoryWrites, Written> {
  protected readonly db: Database;

  constructor(db: Database) {
    this.db = db;
  }

  appPasswords(account: AccountId): readonly StoredAppPassword[] {
    return this.db.statement(`${PASSWORD} WHERE account = ? ORDER BY seq`).all(account).map(toAppPassword);
  }
  appPasswordById(id: string): StoredAppPassword | undefined {
    const row = this.db.statement(`${PASSWORD} WHERE id = ?`).get(id);
    return row && toAppPassword(row);
  }
  tokens(account?: AccountId): readonly Token[] {
    const rows =
      account === undefined
        ? this.db.statement(`${TOKEN} ORDER BY seq`).all()
        : this.db.statement(`${TOKEN} WHERE account = ? ORDER BY seq`).all(account);
    return rows.map(toToken);
  }
  tokenByHash(hash: Uint8Array): Token | undefined {
    const row = this.db.statement(`${TOKEN} WHERE hash = ?`).get(hash);
    return row && toToken(row);
  }
  tokenById(id: string): Token | undefined {
    const row = this.db.statement(`${TOKEN} WHERE id = ?`).get(id);
    return row && toToken(row);
  }
  audit({ before, limit, actor, target }: AuditQuery): readonly AuditLine[] {
    const wanted = Object.entries({ actor, target }).filter(([, value]) => value !== undefined) as [string, string][];
    const conditions = ['seq < ?', ...wanted.map(([name]) => `${name} = ?`)].join(' AND ');
    const sql = `SELECT seq, at, actor, act, target, detail FROM audit WHERE ${conditions} ORDER BY seq DESC LIMIT ?`;
    const older = before === undefined ? Number.MAX_SAFE_INTEGER : Number(before) || 0;
    const rows = this.db.statement(sql).all(older, ...wanted.map(([, value]) => value), limit);
    return rows.map(({ seq, detail, ...line }) => ({
      id: String(seq),
      ...line,
      ...(detail !== null && { detail: JSON.parse(String(detail)) }),
    })) as unknown as AuditLine[];
  }

  addAppPassword({ id, account, name, scopes, createdAt, keys }: StoredAppPassword): void {
    const packed = keys.map(({ storedKey, serverKey }) => ({ storedKey: text(storedKey), serverKey: text(serverKey) }));
    this.db
      .statement('INSERT INTO app_password (id, account, name, scopes, keys, created_at) VALUES (?, ?, ?, ?, ?, ?)')
      .run(id, account, name, JSON.stringify(scopes), JSON.stringify(packed), createdAt);
  }
  removeAppPassword(id: string): void {
    this.db.statement('DELETE FROM app_password WHERE id = ?').run(id);
  }
  addToken({ id, account, kind, name, scopes, networks, createdAt, expiresAt }: Token, hash: Uint8Array): void {
    const sql = `INSERT INTO token (id, hash, account, kind, name, scopes, networks, created_at, expires_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
    const from = networks === undefined ? null : JSON.stringify(networks);
    this.db
      .statement(sql)
      .run(id, hash, account ?? null, kind, name, JSON.stringify(scopes), from, createdAt, expiresAt ?? null);
  }
  removeToken(id: string): void {
    this.db.statement('DELETE FROM token WHERE id = ?').run(id);
  }
  removeExpiredTokens(now: number): void {
    this.db.statement('DELETE FROM token WHERE expires_at <= ?').run(now);
  }
  noteUse({ kind, id, at, remote }: CredentialUse): void {
    const table = kind === 'token' ? 'token' : 'app_password';
    this.db.statement(`UPDATE ${table} SET used_at = ?, used_from = ? WHERE id = ?`).run(at, remote, id);
  }
  addAuditLine({ at, actor, act, target, detail }: Omit<AuditLine, 'id'>): void {
    this.db
      .statement('INSERT INTO audit (at, actor, act, target, detail) VALUES (?, ?, ?, ?, ?)')
      .run(at, actor, act, target, detail === undefined ? null : JSON.stringify(detail));
  }
  dropAuditLines(before: number): void {
    const oldest = `SELECT seq FROM audit ORDER BY seq LIMIT ${DROPPED_AT_ONCE}`;
    this.db.statement(`DELETE FROM audit WHERE at < ? AND seq IN (${oldest})`).run(before);
  }
  protected removeCredentialsOf(account: AccountId): void {
    this.db.statement('DELETE FROM app_password WHERE account = ?').run(account);
    this.db.statement('DELETE FROM token WHERE account = ?').run(account);
  }
}

type Row = Record<string, unknown>;

function toAppPassword(row: Row): StoredAppPassword {
  const { scopes, keys, ...rest } = withoutNulls(row);
  return {
    ...(rest as Omit<AppPassword, 'scopes'>),
    scopes: JSON.parse(String(scopes)),
    keys: (JSON.parse(String(keys)) as { storedKey: string; serverKey: string }[]).map((key) => ({
      storedKey: bytes(key.storedKey),
      serverKey: bytes(key.serverKey),
    })),
  };
}

function toToken(row: Row): Token {
  const { scopes, networks, ...rest } = withoutNulls(row);
  return {
    ...(rest as Omit<Token, 'scopes' | 'networks'>),
    scopes: JSON.parse(String(scopes)),
    ...(networks !== undefined && { networks: JSON.parse(networks as string) }),
  };
}

const withoutNulls = (row: Row): Row => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));

const text = (value: Uint8Array): string => Buffer.from(value).toString('base64');
const bytes = (value: string): Uint8Array => Buffer.from(value, 'base64');
