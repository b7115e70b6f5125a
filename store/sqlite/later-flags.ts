/**
 * Changes of flags that stand beside the rows until there is time for them: a STORE of a whole mailbox touches every page of its placements,
 * a third of a microsecond a row, while what it says fits into a line. For a range of UIDs a row here tells what each set of flags that the
 * placements there have has become since, and at which modseq. It is as durable as they are and written by the same commit.
 *
 * Invariants: ranges of a mailbox are disjoint; whoever reads flags or modseqs of placements reads these too (read/placements.ts); whoever
 * changes placements otherwise has those in their way moved into the rows before (`settleFlags`, called by work.ts). New messages come behind all
 * ranges, for a range never reaches beyond the greatest UID of its time.
 */
import type { ModSeq, Uid, UidSet } from '../types.ts';
import type { ArrayRow, Database } from './database.ts';

export interface LaterFlags {
  readonly first: Uid;
  readonly last: Uid;
  /** By the number of the set in the row; a set that is missing stands for itself. */
  readonly sets: ReadonlyMap<number, Became>;
}

export interface Became {
  /** Number of the set of flags. */
  readonly flags: number;
  readonly modseq: ModSeq;
}

type Entry = [set: number, flags: number, modseq: ModSeq];

const FIND = `SELECT first, last, sets FROM later_flags WHERE account = ? AND mailbox = ? AND last >= ? AND first <= ?
  ORDER BY first`;
const SAVE = 'INSERT OR REPLACE INTO later_flags (account, mailbox, first, last, sets) VALUES (?, ?, ?, ?, ?)';
const DROP = 'DELETE FROM later_flags WHERE account = ? AND mailbox = ? AND first = ?';

/** Those that have to do with UIDs from `first` to `last`, ascending. */
export function findLater(db: Database, account: number, mailbox: number, [first, last]: UidSet[number]): LaterFlags[] {
  const rows = db.arrays(FIND).all(account, mailbox, first, last) as unknown as [Uid, Uid, string][];
  return rows.map(([from, to, sets]) => ({ first: from, last: to, sets: unpack(sets) }));
}

/** In place of one with the same range. */
export function saveLater(db: Database, account: number, mailbox: number, { first, last, sets }: LaterFlags): void {
  const entries = Array.from(sets, ([set, { flags, modseq }]): Entry => [set, flags, modseq]);
  db.statement(SAVE).run(account, mailbox, first, last, JSON.stringify(entries));
}

/** Moves into the rows what stands beside those of `uids`. */
export function settleFlags(db: Database, account: number, mailbox: number, uids: UidSet): void {
  const [first, last] = [uids[0]?.[0], uids.at(-1)?.[1]];
  if (first === undefined || last === undefined) return;
  for (const later of findLater(db, account, mailbox, [first, last])) {
    if (uids.some(([from, to]) => from <= later.last && to >= later.first)) applyFlags(db, account, mailbox, later);
  }
}

/** One range of whatever mailbox, while the writer has time; false when there is none. */
export function settleSome(db: Database): boolean {
  const row = db.arrays('SELECT account, mailbox, first, last, sets FROM later_flags LIMIT 1').get() as
    | ArrayRow
    | undefined;
  if (!row) return false;
  const [account, mailbox, first, last, sets] = row as [number, number, Uid, Uid, string];
  applyFlags(db, account, mailbox, { first, last, sets: unpack(sets) });
  return true;
}

/** Changes the rows themselves. */
export function applyFlags(db: Database, account: number, mailbox: number, { first, last, sets }: LaterFlags): void {
  const cases = 'WHEN ? THEN ? '.repeat(sets.size);
  const befores = Array(sets.size).fill('?').join();
  db.statement(`UPDATE placements SET flags = CASE flags ${cases}END, modseq = CASE flags ${cases}END
    WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? AND flags IN (${befores})`).run(
    ...Array.from(sets, ([set, { flags }]) => [set, flags]).flat(),
    ...Array.from(sets, ([set, { modseq }]) => [set, modseq]).flat(),
    account,
    mailbox,
    first,
    last,
    ...sets.keys(),
  );
  db.statement(DROP).run(account, mailbox, first);
}

const unpack = (sets: string): Map<number, Became> =>
  new Map((JSON.parse(sets) as Entry[]).map(([set, flags, modseq]) => [set, { flags, modseq }]));
