/** Reads of records, and who has outbox rows. */
import type { StoredRecord } from '../../store.ts';
import type { Access, AccountId } from '../../types.ts';
import type { ArrayRow, Database } from '../database.ts';
import { findAccount } from './account.ts';

export interface RecordsRequest {
  readonly kind: string;
  readonly before?: Pick<StoredRecord, 'created' | 'id'>;
  readonly limit: number;
  readonly now: number;
}

const COLUMNS = 'kind, id, created, modseq, value, expires_at';
const ONE = `SELECT ${COLUMNS} FROM records
  WHERE account = ? AND kind = ? AND id = ? AND (expires_at IS NULL OR expires_at > ?)`;
const SOME = `SELECT ${COLUMNS} FROM records
  WHERE account = ? AND kind = ? AND (created, id) < (?, ?) AND (expires_at IS NULL OR expires_at > ?)
  ORDER BY created DESC, id DESC LIMIT ?`;

export function record(db: Database, access: Access, kind: string, id: string, now: number): StoredRecord | undefined {
  const { n } = findAccount(db, access);
  const row = db.arrays(ONE).get(n, kind, id, now) as ArrayRow | undefined;
  return row && toRecord(row);
}

export function records(db: Database, access: Access, request: RecordsRequest): readonly StoredRecord[] {
  const { kind, before = { created: Number.MAX_SAFE_INTEGER, id: '' }, limit, now } = request;
  const { n } = findAccount(db, access);
  const rows = db.arrays(SOME).all(n, kind, before.created, before.id, now, limit) as unknown as ArrayRow[];
  return rows.map(toRecord);
}

function toRecord(row: ArrayRow): StoredRecord {
  const [kind, id, created, modseq, value, expiresAt] = row as unknown as [
    string,
    string,
    number,
    number,
    string,
    number | null,
  ];
  const one = { kind, id, created, modseq, value };
  return expiresAt === null ? one : { ...one, expiresAt };
}

export function outboxOwners(db: Database, kind: string): readonly AccountId[] {
  const sql = `SELECT id FROM accounts
    WHERE id IS NOT NULL AND n IN (SELECT account FROM outbox WHERE kind = ?)`;
  return (db.arrays(sql).all(kind) as unknown as [AccountId][]).map(([id]) => id);
}
