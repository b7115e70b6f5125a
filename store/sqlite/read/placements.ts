/** Snapshots and deltas of a mailbox: columns in typed arrays, handed over without a copy. */
import type { ChangeRecord, MailboxDelta, MailboxSnapshot, PlacementRows } from '../../change.ts';
import { LARGE_MAILBOX } from '../../store.ts';
import type { Access, Flags, MailboxId, ModSeq, UidSet } from '../../types.ts';
import { count, EMPTY, fromUids, MAX_UID, subtract, uidSet, union } from '../../uid-set.ts';
import { MailboxView } from '../../view.ts';
import type { ArrayRow, Database } from '../database.ts';
import { findLater, type LaterFlags } from '../later-flags.ts';
import { loadSnapshot } from '../packs/snapshot.ts';
import { type FoundAccount, type FoundMailbox, findAccount, findMailbox } from './account.ts';
import { remember, unchangedSince } from './place.ts';

type Row = [uid: number, modseq: number, flags: number];

const PAGE = 8_192;
const ROWS = `SELECT uid, modseq, flags FROM placements
  WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? AND modseq > ? ORDER BY uid LIMIT ?`;

export function snapshot(db: Database, access: Access, mailbox: MailboxId): MailboxSnapshot {
  const account = findAccount(db, access);
  const found = findMailbox(db, account, mailbox);
  const { uidValidity, uidNext, highestModseq } = found;
  const rows = fromPack(db, access, account, found, mailbox) ?? allRows(db, account.n, found.n, found.messages);
  return { ...rows, mailbox, uidValidity, uidNext, highestModseq, modseq: account.modseq };
}

/** The snapshot where it is quickly read; `undefined` where it is left to a reader thread. */
export function smallSnapshot(db: Database, access: Access, mailbox: MailboxId): MailboxSnapshot | undefined {
  const account = findAccount(db, access);
  const found = findMailbox(db, account, mailbox);
  return found.messages > LARGE_MAILBOX ? undefined : snapshot(db, access, mailbox);
}

/** The packed snapshot and what has come since; `undefined` where that is not there or would not be quicker. */
function fromPack(
  db: Database,
  access: Access,
  account: FoundAccount,
  found: FoundMailbox,
  mailbox: MailboxId,
): PlacementRows | undefined {
  const packed = loadSnapshot(db, account.n, found.n);
  if (packed === undefined || packed.modseq < Math.max(account.logFloor, found.tombstoneFloor)) return undefined;
  if (packed.modseq >= found.highestModseq) return packed;
  const { uidValidity } = found;
  const uidNext = (packed.uids.at(-1) ?? 0) + 1;
  const view = new MailboxView({ mailbox, uidValidity, uidNext, highestModseq: packed.modseq, ...packed });
  view.apply(delta(db, access, mailbox, packed.modseq));
  return view.rows();
}

/** @param expected how many there may be. */
export function allRows(db: Database, account: number, mailbox: number, expected = 0): PlacementRows {
  return readRows(db, { n: account }, { n: mailbox, messages: expected }, [[1, MAX_UID]], 0);
}

/** The first placements of a mailbox, one by one, and no more than `most` of them. */
export function* firstRows(db: Database, account: number, mailbox: number, most: number): Generator<Row> {
  const later = findLater(db, account, mailbox, [1, MAX_UID]);
  for (const row of db
    .arrays(ROWS)
    .iterate(account, mailbox, 1, MAX_UID, 0, most) as Iterable<unknown> as Iterable<Row>) {
    yield later.length > 0 ? byNow([row], later, 0)[0]! : row;
  }
}

/** Placements of these UIDs with a greater modseq than `since`. */
function readRows(
  db: Database,
  account: Pick<FoundAccount, 'n'>,
  mailbox: Pick<FoundMailbox, 'n' | 'messages'>,
  ranges: UidSet,
  since: ModSeq,
): PlacementRows {
  const statement = db.arrays(ROWS);
  const columns = new RowColumns(mailbox.messages);
  for (const [first, last] of ranges) {
    const later = findLater(db, account.n, mailbox.n, [first, last]);
    // What stands beside the rows decides which of them are wanted.
    const from = later.length > 0 ? 0 : since;
    for (let at = first; at <= last; ) {
      const rows = statement.all(account.n, mailbox.n, at, last, from, PAGE) as unknown as Row[];
      columns.add(later.length > 0 ? byNow(rows, later, since) : rows);
      if (rows.length < PAGE) break;
      at = rows.at(-1)![0] + 1;
    }
  }
  return columns.finish((n) => flagsOf(db, account.n, n));
}

/** Rows as they are by now, those with a greater modseq than `since`. */
function byNow(rows: readonly Row[], later: readonly LaterFlags[], since: ModSeq): Row[] {
  const out: Row[] = [];
  let i = 0;
  for (const row of rows) {
    const [uid, modseq, flags] = row;
    while (i < later.length && later[i]!.last < uid) i++;
    const range = later[i];
    const became = range !== undefined && range.first <= uid ? range.sets.get(flags) : undefined;
    if ((became?.modseq ?? modseq) > since) out.push(became ? [uid, became.modseq, became.flags] : row);
  }
  return out;
}

function flagsOf(db: Database, account: number, n: number): Flags {
  const row = db.arrays('SELECT flags FROM flag_sets WHERE account = ? AND n = ?').get(account, n) as
    | ArrayRow
    | undefined;
  const text = (row?.[0] as string | undefined) ?? '';
  return text === '' ? [] : text.split(' ');
}

class RowColumns {
  #uids: Uint32Array;
  #modseqs: Float64Array;
  #flags: Uint32Array;
  #length = 0;
  /** Number of the flag set in the account → index in the answer. */
  readonly #indexOf = new Map<number, number>();

  constructor(expected: number) {
    const size = Math.max(16, expected);
    this.#uids = new Uint32Array(size);
    this.#modseqs = new Float64Array(size);
    this.#flags = new Uint32Array(size);
  }

  add(rows: readonly Row[]): void {
    this.#reserve(this.#length + rows.length);
    for (const [uid, modseq, flags] of rows) {
      let index = this.#indexOf.get(flags);
      if (index === undefined) {
        index = this.#indexOf.size;
        this.#indexOf.set(flags, index);
      }
      const at = this.#length++;
      this.#uids[at] = uid;
      this.#modseqs[at] = modseq;
      this.#flags[at] = index;
    }
  }

  #reserve(length: number): void {
    if (length <= this.#uids.length) return;
    const size = Math.max(length, this.#uids.length * 2);
    const grown = [new Uint32Array(size), new Float64Array(size), new Uint32Array(size)] as const;
    grown[0].set(this.#uids);
    grown[1].set(this.#modseqs);
    grown[2].set(this.#flags);
    [this.#uids, this.#modseqs, this.#flags] = grown;
  }

  finish(flagsOf: (n: number) => Flags): PlacementRows {
    const whole = this.#length === this.#uids.length;
    return {
      uids: whole ? this.#uids : this.#uids.slice(0, this.#length),
      modseqs: whole ? this.#modseqs : this.#modseqs.slice(0, this.#length),
      flags: whole ? this.#flags : this.#flags.slice(0, this.#length),
      flagSets: Array.from(this.#indexOf.keys(), flagsOf),
    };
  }
}

/** The delta where nothing at all has changed, by one statement, so that it needs no transaction either. */
export function emptyDelta(db: Database, access: Access, mailbox: MailboxId, since: ModSeq): MailboxDelta | undefined {
  const found = unchangedSince(db, access, mailbox, since);
  return found && { ...found, changed: NOTHING, vanished: EMPTY, complete: true, removed: false };
}

const NOTHING: PlacementRows = {
  uids: new Uint32Array(0),
  modseqs: new Float64Array(0),
  flags: new Uint32Array(0),
  flagSets: [],
};

/** More than this is left to a reader thread: octets of log, and changed messages. */
const SMALL_LOG = 20_000;
const SMALL_ROWS = 200;
const LOG_SIZE = 'SELECT sum(length(records)) FROM changes WHERE account = ? AND modseq > ?';

/** The delta where little has changed; `undefined` where it would take long to read. */
export function smallDelta(db: Database, access: Access, mailbox: MailboxId, since: ModSeq): MailboxDelta | undefined {
  const account = findAccount(db, access);
  return isSmallSince(db, account, mailbox, since) ? delta(db, access, mailbox, since) : undefined;
}

function isSmallSince(db: Database, account: FoundAccount, mailbox: MailboxId, since: ModSeq): boolean {
  if (account.modseq === since) return true;
  if (since < account.logFloor || account.modseq - since > SMALL_ROWS) return false;
  const [octets] = db.arrays(LOG_SIZE).get(account.n, since) as unknown as [number | null];
  return (octets ?? 0) <= SMALL_LOG && count(loggedUids(db, account, mailbox, since)) <= SMALL_ROWS;
}

export function delta(db: Database, access: Access, mailbox: MailboxId, since: ModSeq): MailboxDelta {
  const account = findAccount(db, access);
  const gone = db.arrays('SELECT modseq FROM removed_mailboxes WHERE account = ? AND id = ?').get(account.n, mailbox) as
    | ArrayRow
    | undefined;
  if (gone) return removed(account, gone[0] as number);
  const found = findMailbox(db, account, mailbox);
  remember(db, mailbox, found.n);
  const { uidValidity, uidNext, highestModseq } = found;
  const head = { modseq: account.modseq, uidValidity, highestModseq, uidNext, removed: false };
  const complete = since >= found.tombstoneFloor;
  const changed = changedSince(db, account, found, mailbox, since);
  const vanished = complete ? buried(db, account, found, since) : missing(db, account, found);
  return { ...head, changed, vanished, complete };
}

function removed(account: FoundAccount, at: ModSeq): MailboxDelta {
  const changed = new RowColumns(0).finish(() => []);
  const rest = { changed, vanished: EMPTY, complete: true, removed: true };
  return { modseq: account.modseq, uidValidity: 0, highestModseq: at, uidNext: 1, ...rest };
}

/** Where the log is short it says which rows to look at; where it is long or doesn't reach back, all are looked at. */
function changedSince(
  db: Database,
  account: FoundAccount,
  mailbox: FoundMailbox,
  id: MailboxId,
  since: ModSeq,
): PlacementRows {
  if (mailbox.highestModseq <= since) return new RowColumns(0).finish(() => []);
  const commits = account.modseq - since;
  if (since < account.logFloor || commits > Math.max(200, mailbox.messages / 20)) {
    return readRows(db, account, mailbox, [[1, MAX_UID]], since);
  }
  return readRows(db, account, mailbox, loggedUids(db, account, id, since), since);
}

/** What the log says was added or changed; whoever went since is in it too. */
function loggedUids(db: Database, account: FoundAccount, id: MailboxId, since: ModSeq): UidSet {
  const log = db.arrays('SELECT records FROM changes WHERE account = ? AND modseq > ?');
  const ranges: (readonly [number, number])[] = [];
  for (const [text] of log.all(account.n, since) as unknown as [string][]) {
    for (const record of JSON.parse(text) as ChangeRecord[]) {
      if (record.mailbox === id && record.type !== 'expunge') ranges.push(...(record.uids ?? []));
    }
  }
  return uidSet(ranges);
}

function buried(db: Database, account: FoundAccount, mailbox: FoundMailbox, since: ModSeq): UidSet {
  const rows = db.arrays('SELECT uids FROM tombstones WHERE account = ? AND mailbox = ? AND modseq > ?');
  let vanished = EMPTY;
  for (const [uids] of rows.all(account.n, mailbox.n, since) as unknown as [string][]) {
    vanished = union(vanished, JSON.parse(uids));
  }
  return vanished;
}

function missing(db: Database, account: FoundAccount, mailbox: FoundMailbox): UidSet {
  const { uids } = readRows(db, account, mailbox, [[1, MAX_UID]], 0);
  return subtract(mailbox.uidNext > 1 ? [[1, mailbox.uidNext - 1]] : EMPTY, fromUids(uids));
}
