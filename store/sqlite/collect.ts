/**
 * What time takes away (STORE.md §3, §5): content of expunged messages, tombstones and log, commit ids, bodies that nobody
 * named, rows of deleted accounts. Done by the writer in small slices between groups; each function does one slice within an
 * open transaction and tells whether it found something to do.
 */
import type { Retention } from '../retention.ts';
import type { UidSet } from '../types.ts';
import { MAX_UID } from '../uid-set.ts';
import { MODSEQ } from './account.ts';
import type { ArrayRow, Database } from './database.ts';
import type { Done } from './groups.ts';
import { settleSome } from './later-flags.ts';
import { type Lookups, meta } from './lookups.ts';
import { releaseBody } from './mutations/bodies.ts';
import { asBuffer, headBody, headMessage } from './pack.ts';
import { dropPacks } from './packs/make.ts';

/** Rows of a slice: a few milliseconds. */
const SLICE = 500;
const ACCOUNTS_A_SLICE = 50;
const RECORDS_A_SLICE = 5_000;

type Slice = (db: Database, now: number, retention: Retention, state: CollectState) => boolean;

export interface CollectState {
  readonly lookups: Lookups;
  /** How far the round over all accounts has come. */
  account: number;
}

export const SLICES: readonly Slice[] = [
  settleSome,
  purgeContent,
  removeAccounts,
  expireCommitIds,
  dropStaged,
  expireRecords,
  trimLogs,
  shrink,
];

/** The name of a removed mailbox, with the last that was retained of it. */
const FORGET = `DELETE FROM emptied_mailboxes WHERE account = ?1 AND n = ?2
  AND NOT EXISTS (SELECT 1 FROM expunged WHERE account = ?1 AND mailbox = ?2)`;

function purgeContent(db: Database, now: number, retention: Retention, state: CollectState): boolean {
  const first = db.arrays('SELECT seq, at, account, mailbox, uids FROM purge ORDER BY seq LIMIT 1').get() as
    | ArrayRow
    | undefined;
  if (!first || (first[1] as number) >= now - retention.expunged) return false;
  const [seq, , account, mailbox, uids] = first as [number, number, number, number, string];
  let budget = SLICE;
  for (const [from, to] of JSON.parse(uids) as UidSet) {
    budget -= removeRows(db, state, 'expunged', { account, mailbox, from, to, most: budget });
    if (budget <= 0) return true; // the rest of this row next time
  }
  dropPacks(db, account, mailbox, JSON.parse(uids));
  db.statement('DELETE FROM purge WHERE seq = ?').run(seq);
  db.statement(FORGET).run(account, mailbox);
  return true;
}

/** Removes placements and what only they held, at most so many; answers how many there were. */
function removeRows(
  db: Database,
  state: CollectState,
  table: 'placements' | 'expunged',
  { account, mailbox, from, to, most }: Record<'account' | 'mailbox' | 'from' | 'to' | 'most', number>,
): number {
  const select = db.arrays(`SELECT uid, message FROM ${table}
    WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid LIMIT ?`);
  const remove = db.statement(`DELETE FROM ${table} WHERE account = ? AND mailbox = ? AND uid = ?`);
  const rows = select.all(account, mailbox, from, to, most) as unknown as [number, number][];
  for (const [uid, message] of rows) {
    remove.run(account, mailbox, uid);
    releaseMessage(db, state, message, mailbox, uid);
  }
  return rows.length;
}

const MESSAGE = 'SELECT account, mailbox, uid, head FROM messages WHERE k = ?';

/** The message goes with its last placement. */
function releaseMessage(db: Database, state: CollectState, k: number, mailbox: number, uid: number): void {
  const row = db.arrays(MESSAGE).get(k) as unknown as [number, number, number, Uint8Array] | undefined;
  if (!row) return;
  const [account, firstMailbox, firstUid, head] = row;
  if (mailbox !== firstMailbox || uid !== firstUid) {
    db.statement('DELETE FROM more WHERE message = ? AND mailbox = ? AND uid = ?').run(k, mailbox, uid);
    if (isPlaced(db, account, firstMailbox, firstUid)) return;
  }
  if (db.statement('SELECT 1 FROM more WHERE message = ? LIMIT 1').get(k)) return;
  state.lookups.drop(account, `m${headMessage(asBuffer(head))}`, k);
  releaseBody(db, headBody(asBuffer(head)));
  db.statement('DELETE FROM messages WHERE k = ?').run(k);
  db.statement('DELETE FROM growth WHERE account = ? AND message = ?').run(account, k);
}

function isPlaced(db: Database, account: number, mailbox: number, uid: number): boolean {
  return ['placements', 'expunged'].some((table) =>
    db.statement(`SELECT 1 FROM ${table} WHERE account = ? AND mailbox = ? AND uid = ?`).get(account, mailbox, uid),
  );
}

/** Tables that hold many rows of an account, each with the rest of its key. */
const BIG: readonly (readonly [table: string, key: string])[] = [
  ['tombstones', 'mailbox, modseq'],
  ['changes', 'modseq'],
  ['lookups', 'hash, value'],
  ['records', 'kind, created, id'],
  ['growth', 'message'],
];
const SMALL = [
  'mailboxes',
  'removed_mailboxes',
  'mailbox_names',
  'subscriptions',
  'flag_sets',
  'keywords',
  'outbox',
  'later_flags',
  'emptied_mailboxes',
];

function removeAccounts(db: Database, _now: number, _retention: Retention, state: CollectState): boolean {
  const row = db.arrays('SELECT n FROM accounts WHERE id IS NULL LIMIT 1').get() as ArrayRow | undefined;
  if (!row) return false;
  const n = row[0] as number;
  for (const table of ['placements', 'expunged'] as const) {
    const find = db.arrays(`SELECT mailbox FROM ${table} WHERE account = ? LIMIT 1`);
    const found = find.get(n) as ArrayRow | undefined;
    if (!found) continue;
    removeRows(db, state, table, { account: n, mailbox: found[0] as number, from: 1, to: MAX_UID, most: SLICE });
    return true;
  }
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

/** The index holds all of these groups' entries by now (`GroupRunner.tidy`). The latest group stays: its number must not come back. */
function expireCommitIds(db: Database, now: number, retention: Retention, state: CollectState): boolean {
  const oldest = db.arrays(`SELECT seq, commits FROM groups
    WHERE at < ? AND seq <= ? AND seq < (SELECT max(seq) FROM groups) ORDER BY seq LIMIT 20`);
  const rows = oldest.all(now - retention.commitIds, Number(meta(db, 'folded') ?? 0)) as unknown as [number, string][];
  for (const [seq, commits] of rows) {
    for (const { n, id } of JSON.parse(commits) as Done[]) state.lookups.drop(n, `c${id}`, seq);
    db.statement('DELETE FROM groups WHERE seq = ?').run(seq);
  }
  return rows.length > 0;
}

function dropStaged(db: Database, now: number, retention: Retention): boolean {
  const find = db.arrays('SELECT n FROM bodies WHERE refs = 0 AND stored_at < ? LIMIT ?');
  const rows = find.all(now - retention.staged, SLICE) as unknown as [number][];
  for (const [n] of rows) releaseBody(db, n);
  return rows.length > 0;
}

function expireRecords(db: Database, now: number): boolean {
  const sql = `DELETE FROM records WHERE (account, kind, created, id) IN
    (SELECT account, kind, created, id FROM records WHERE expires_at <= ? LIMIT ?)`;
  return Number(db.statement(sql).run(now, SLICE).changes) > 0;
}

/** Pages that are kept for what comes next, at least, and as a part of the database. */
const SPARE_PAGES = 1_024;
const SPARE_PART = 0.1;
const PAGES_A_SLICE = 256;

/** Gives free pages back to the file system, but for what will soon be needed again. */
function shrink(db: Database): boolean {
  const [free] = db.arrays('PRAGMA freelist_count').get() as unknown as [number];
  const [pages] = db.arrays('PRAGMA page_count').get() as unknown as [number];
  if (free <= Math.max(SPARE_PAGES, pages * SPARE_PART) + PAGES_A_SLICE) return false;
  db.exec(`PRAGMA incremental_vacuum(${PAGES_A_SLICE})`);
  const [left] = db.arrays('PRAGMA freelist_count').get() as unknown as [number];
  return left < free;
}

/** One round over all accounts, some at a time; the round is over when there are no more. */
function trimLogs(db: Database, now: number, retention: Retention, state: CollectState): boolean {
  const next = db.arrays(`SELECT n, ${MODSEQ} FROM accounts a WHERE n > ? AND id IS NOT NULL ORDER BY n LIMIT ?`);
  const rows = next.all(state.account, ACCOUNTS_A_SLICE) as unknown as [number, number][];
  for (const [n, modseq] of rows) {
    if (trimLog(db, n, modseq, now - retention.tombstones)) return true;
    state.account = n;
  }
  if (rows.length > 0) return true;
  state.account = 0;
  return false;
}

const OLDEST = `SELECT min(CASE WHEN at >= ?2 THEN modseq END), max(modseq), count(*)
  FROM (SELECT modseq, at FROM changes WHERE account = ?1 ORDER BY modseq LIMIT ?3)`;
const FIRST = 'SELECT 1 FROM (SELECT at FROM changes WHERE account = ? ORDER BY modseq LIMIT 1) WHERE at < ?';

/** Tells whether there is more to trim of this account. */
function trimLog(db: Database, account: number, modseq: number, before: number): boolean {
  if (!db.arrays(FIRST).get(account, before)) return false;
  // Records lie in the order of time: of those that come first, the first that is kept, the last, and how many there are.
  const [kept, last, count] = db.arrays(OLDEST).get(account, before, RECORDS_A_SLICE) as unknown as [
    number | null,
    number | null,
    number,
  ];
  const more = kept === null && count === RECORDS_A_SLICE;
  const floor = kept !== null ? kept - 1 : more ? last! : modseq;
  const gone = db.statement('DELETE FROM changes WHERE account = ? AND modseq <= ?').run(account, floor).changes;
  if (Number(gone) === 0) return false;
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
  return more;
}
