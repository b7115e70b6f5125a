/**
 * What time takes away (STORE.md §3, §5): content of expunged messages, tombstones and log, commit ids, bodies that nobody
 * named, rows of deleted accounts. Done by the writer in small slices between groups; each function does one slice within an
 * open transaction and tells whether it found something to do.
 */
import type { Retention } from '../retention.ts';
import type { UidSet } from '../types.ts';
import type { ArrayRow, Database } from './database.ts';
import { releaseBody } from './mutations/bodies.ts';
import { asBuffer, headBody, headMessage } from './pack.ts';

/** Rows of a slice: a few milliseconds. */
const SLICE = 500;
const ACCOUNTS_A_SLICE = 50;

type Slice = (db: Database, now: number, retention: Retention, state: CollectState) => boolean;

/** How far the round over all accounts has come. */
export interface CollectState {
  account: number;
}

export const SLICES: readonly Slice[] = [purgeContent, removeAccounts, expireCommitIds, dropStaged, trimLogs];

function purgeContent(db: Database, now: number, retention: Retention): boolean {
  const first = db.arrays('SELECT seq, at, account, mailbox, uids FROM purge ORDER BY seq LIMIT 1').get() as
    | ArrayRow
    | undefined;
  if (!first || (first[1] as number) >= now - retention.expunged) return false;
  const [seq, , account, mailbox, uids] = first as [number, number, number, number, string];
  const select = db.arrays(`SELECT uid, message FROM expunged
    WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid LIMIT ?`);
  const remove = db.statement('DELETE FROM expunged WHERE account = ? AND mailbox = ? AND uid = ?');
  let budget = SLICE;
  for (const [from, to] of JSON.parse(uids) as UidSet) {
    const rows = select.all(account, mailbox, from, to, budget) as unknown as [number, number][];
    for (const [uid, message] of rows) {
      remove.run(account, mailbox, uid);
      releaseMessage(db, account, message);
    }
    budget -= rows.length;
    if (budget <= 0) return true; // the rest of this row next time
  }
  db.statement('DELETE FROM purge WHERE seq = ?').run(seq);
  return true;
}

/** The message goes with its last placement. */
function releaseMessage(db: Database, account: number, message: number): void {
  for (const table of ['placements', 'expunged']) {
    if (db.statement(`SELECT 1 FROM ${table} WHERE account = ? AND message = ? LIMIT 1`).get(account, message)) return;
  }
  dropMessage(db, account, account * 0x1_0000_0000 + message);
}

function dropMessage(db: Database, account: number, k: number): void {
  const row = db.arrays('SELECT head FROM messages WHERE k = ?').get(k) as ArrayRow | undefined;
  if (!row) return;
  const head = asBuffer(row[0] as Uint8Array);
  releaseBody(db, headBody(head));
  db.statement('DELETE FROM message_ids WHERE account = ? AND id = ?').run(account, headMessage(head));
  db.statement('DELETE FROM messages WHERE k = ?').run(k);
}

/** Tables that hold many rows of an account, each with the rest of its key. */
const BIG: readonly (readonly [table: string, key: string])[] = [
  ['placements', 'mailbox, uid'],
  ['expunged', 'mailbox, uid'],
  ['tombstones', 'mailbox, modseq'],
  ['changes', 'modseq'],
  ['commits', 'id'],
  ['thread_keys', 'key'],
  ['message_ids', 'id'],
];
const SMALL = ['mailboxes', 'removed_mailboxes', 'mailbox_names', 'subscriptions', 'flag_sets', 'keywords', 'outbox'];

function removeAccounts(db: Database): boolean {
  const row = db.arrays('SELECT n FROM accounts WHERE id IS NULL LIMIT 1').get() as ArrayRow | undefined;
  if (!row) return false;
  const n = row[0] as number;
  const keys = db.arrays('SELECT k FROM messages WHERE k BETWEEN ? AND ? LIMIT ?');
  const messages = keys.all(n * 0x1_0000_0000, n * 0x1_0000_0000 + 0xffff_ffff, SLICE) as unknown as [number][];
  for (const [k] of messages) dropMessage(db, n, k);
  if (messages.length > 0) return true;
  for (const [table, key] of BIG) {
    const sql = `DELETE FROM ${table} WHERE account = ? AND (${key}) IN
      (SELECT ${key} FROM ${table} WHERE account = ? LIMIT ?)`;
    if (Number(db.statement(sql).run(n, n, SLICE * 4).changes) > 0) return true;
  }
  for (const table of SMALL) db.statement(`DELETE FROM ${table} WHERE account = ?`).run(n);
  db.statement('DELETE FROM purge WHERE account = ?').run(n);
  db.statement('DELETE FROM accounts WHERE n = ?').run(n);
  return true;
}

function expireCommitIds(db: Database, now: number, retention: Retention): boolean {
  const oldest = db.arrays('SELECT seq, commits FROM groups WHERE at < ? ORDER BY seq LIMIT 20');
  const first = db.arrays('SELECT at FROM groups ORDER BY seq LIMIT 1').get() as ArrayRow | undefined;
  if (!first || (first[0] as number) >= now - retention.commitIds) return false;
  for (const [seq, commits] of oldest.all(now - retention.commitIds) as unknown as [number, string][]) {
    for (const { n, id } of JSON.parse(commits) as { n: number; id: string }[]) {
      db.statement('DELETE FROM commits WHERE account = ? AND id = ?').run(n, id);
    }
    db.statement('DELETE FROM groups WHERE seq = ?').run(seq);
  }
  return true;
}

function dropStaged(db: Database, now: number, retention: Retention): boolean {
  const find = db.arrays('SELECT id FROM bodies WHERE refs = 0 AND stored_at < ? LIMIT ?');
  const rows = find.all(now - retention.staged, SLICE) as unknown as [string][];
  for (const [id] of rows) releaseBody(db, id);
  return rows.length > 0;
}

/** One round over all accounts, some at a time; the round is over when there are no more. */
function trimLogs(db: Database, now: number, retention: Retention, state: CollectState): boolean {
  const next = db.arrays('SELECT n, modseq FROM accounts WHERE n > ? AND id IS NOT NULL ORDER BY n LIMIT ?');
  const rows = next.all(state.account, ACCOUNTS_A_SLICE) as unknown as [number, number][];
  for (const [n, modseq] of rows) {
    trimLog(db, n, modseq, now - retention.tombstones);
    state.account = n;
  }
  if (rows.length > 0) return true;
  state.account = 0;
  return false;
}

function trimLog(db: Database, account: number, modseq: number, before: number): void {
  // Records lie in the order of time, so that this looks at those that expired and one more.
  const kept = db
    .arrays('SELECT modseq FROM changes WHERE account = ? AND at >= ? ORDER BY modseq LIMIT 1')
    .get(account, before) as ArrayRow | undefined;
  const floor = kept ? (kept[0] as number) - 1 : modseq;
  const gone = db.statement('DELETE FROM changes WHERE account = ? AND modseq <= ?').run(account, floor).changes;
  if (Number(gone) === 0) return;
  db.statement('UPDATE accounts SET log_floor = ? WHERE n = ?').run(floor, account);
  db.statement('DELETE FROM removed_mailboxes WHERE account = ? AND modseq <= ?').run(account, floor);
  const mailboxes = db.arrays('SELECT n FROM mailboxes WHERE account = ?').all(account) as unknown as [number][];
  for (const [mailbox] of mailboxes) {
    const last = db
      .arrays('SELECT max(modseq) FROM tombstones WHERE account = ? AND mailbox = ? AND modseq <= ?')
      .get(account, mailbox, floor) as ArrayRow | undefined;
    if (typeof last?.[0] !== 'number') continue;
    db.statement('UPDATE mailboxes SET tombstone_floor = ? WHERE account = ? AND n = ?').run(last[0], account, mailbox);
    db.statement('DELETE FROM tombstones WHERE account = ? AND mailbox = ? AND modseq <= ?').run(
      account,
      mailbox,
      floor,
    );
  }
}
