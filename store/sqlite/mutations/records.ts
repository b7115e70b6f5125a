/** `put-record`, `remove-record`. */
import { MailError } from '#mail/failure.ts';
import type { MutationResult } from '../../mutation.ts';
import { checkRecord } from '../../record-rules.ts';
import type { ArrayRow } from '../database.ts';
import type { PackedOf, Work } from '../work.ts';

const FIND = 'SELECT created, modseq, expires_at FROM records WHERE account = ? AND kind = ? AND id = ?';
const PUT = `INSERT OR REPLACE INTO records (account, kind, created, id, modseq, expires_at, value)
  VALUES (?, ?, ?, ?, ?, ?, ?)`;
const REMOVE = 'DELETE FROM records WHERE account = ? AND kind = ? AND id = ?';

export function putRecord(work: Work, mutation: PackedOf<'put-record'>): MutationResult {
  const { db, account, modseq } = work;
  const { kind, id, value, expiresAt } = mutation;
  const before = find(work, kind, id);
  checkRecord(mutation, before);
  db.statement(PUT).run(account.n, kind, before?.created ?? modseq, id, modseq, expiresAt ?? null, value);
  work.records.push({ type: 'record', name: kind, record: id, act: before === undefined ? 'create' : 'change' });
  return { type: 'put-record' };
}

export function removeRecord(work: Work, mutation: PackedOf<'remove-record'>): MutationResult {
  const { db, account } = work;
  const { kind, id, ifModseq } = mutation;
  const before = find(work, kind, id);
  if (ifModseq !== undefined && before?.modseq !== ifModseq) throw new MailError('conflict', 'the record has changed');
  if (before !== undefined) {
    db.statement(REMOVE).run(account.n, kind, id);
    work.records.push({ type: 'record', name: kind, record: id, act: 'remove' });
  }
  return { type: 'remove-record' };
}

/** One that has expired is as good as gone, and its place is free. */
function find({ db, account, now }: Work, kind: string, id: string) {
  const row = db.arrays(FIND).get(account.n, kind, id) as ArrayRow | undefined;
  if (!row) return undefined;
  const [created, modseq, expiresAt] = row as unknown as [number, number, number | null];
  if (expiresAt === null || expiresAt > now) return { created, modseq };
  db.statement(REMOVE).run(account.n, kind, id);
  return undefined;
}
