/** The queue's rows in SQLite, and the reading half of `Queue` over a connection. Content stands apart, so that a new state rewrites no message. */
import { join } from 'node:path';
import type { QueueEntry, QueueId, QueueRecipient, TrackedOutcome, TrackedRecipient } from '../queue.ts';
import type { Database } from './database.ts';
import { TRACKED_TABLES, TrackedRows } from './queue-tracked.ts';

export const queueFile = (data: string): string => join(data, 'queue.sqlite');
/** For `lease.ts`, which adds its own endings. */
export const queueLease = (data: string): string => join(data, 'queue');
/** Contents that are too large for a row. */
export const queueFolder = (data: string): string => join(data, 'queue');
export const CONTENT_FILE = /^([A-Za-z0-9_-]{1,64})\.eml$/;
export const contentFile = (folder: string, id: QueueId): string => join(folder, `${id}.eml`);

/** Contents up to this many octets stand in the row. */
export const CONTENT_IN_ROW = 262_144;

export const QUEUE_MIGRATIONS: readonly string[] = [
  `CREATE TABLE entry (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, delivery_id TEXT NOT NULL UNIQUE,
     next_at INTEGER, held INTEGER NOT NULL, pending INTEGER NOT NULL, arrived_at INTEGER NOT NULL,
     size INTEGER NOT NULL, in_file INTEGER NOT NULL, head TEXT NOT NULL
   ) STRICT;
   CREATE INDEX entry_due ON entry (next_at, seq, id) WHERE next_at IS NOT NULL;
   CREATE TABLE recipient (
     entry INTEGER NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL, next_at INTEGER NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (entry, position)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE content (entry INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
   CREATE TABLE finished (delivery_id TEXT PRIMARY KEY, id TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE INDEX finished_at ON finished (at);`,
  TRACKED_TABLES,
];

/** The columns of an entry that never change. */
export type EntryHead = Omit<QueueEntry, 'held' | 'size' | 'recipients'>;

const COLUMNS = 'seq, held, size, head';

export class QueueReader {
  readonly #db: Database;
  readonly #tracked: TrackedRows;

  constructor(db: Database) {
    this.#db = db;
    this.#tracked = new TrackedRows(db);
  }

  /** Those in `except` are passed over within the index: under load they are the first thousands. */
  due(now: number, limit: number, except: ReadonlySet<QueueId>): QueueEntry[] {
    const sql = 'SELECT seq, id FROM entry WHERE next_at IS NOT NULL AND next_at <= ? ORDER BY next_at, seq LIMIT ?';
    return this.#db.read(() => {
      const rows = this.#db.arrays(sql).all(now, limit + except.size) as unknown as [number, string][];
      const wanted = rows.filter(([, id]) => !except.has(id)).slice(0, limit);
      return wanted.map(([seq]) => this.#bySeq(seq));
    });
  }

  nextDue(): number | undefined {
    const sql = 'SELECT next_at FROM entry WHERE next_at IS NOT NULL ORDER BY next_at, seq LIMIT 1';
    const row = this.#db.statement(sql).get();
    return row && Number(row.next_at);
  }

  get(id: QueueId): QueueEntry | undefined {
    return this.#db.read(() => {
      const row = this.#db.statement(`SELECT ${COLUMNS} FROM entry WHERE id = ?`).get(id);
      return row && this.#entry(row);
    });
  }

  list(after: QueueId | undefined, limit: number): QueueEntry[] {
    return this.#db.read(() => {
      const from = after === undefined ? 0 : this.#db.statement('SELECT seq FROM entry WHERE id = ?').get(after)?.seq;
      if (from === undefined) return [];
      const sql = `SELECT ${COLUMNS} FROM entry WHERE seq > ? ORDER BY seq LIMIT ?`;
      return this.#db
        .statement(sql)
        .all(Number(from), limit)
        .map((row) => this.#entry(row));
    });
  }

  counts(): { messages: number; recipients: number; oldest?: number } {
    const sql = 'SELECT count(*) AS n, coalesce(sum(pending), 0) AS pending, min(arrived_at) AS oldest FROM entry';
    const row = this.#db.statement(sql).get()!;
    const base = { messages: Number(row.n), recipients: Number(row.pending) };
    return row.oldest === null ? base : { ...base, oldest: Number(row.oldest) };
  }

  /** The content itself, or that it is in its file; `undefined` without such an entry. */
  content(id: QueueId): Uint8Array | 'file' | undefined {
    return this.#db.read(() => {
      const row = this.#db.statement('SELECT seq, in_file FROM entry WHERE id = ?').get(id);
      if (row === undefined) return undefined;
      if (row.in_file === 1) return 'file';
      return this.#db.statement('SELECT data FROM content WHERE entry = ?').get(Number(row.seq))?.data as Uint8Array;
    });
  }

  track(envelopeId: string): TrackedRecipient[] {
    return this.#db.read(() => {
      const waiting = this.#tracked.waiting(envelopeId).flatMap(({ seq, id }) => {
        const pending = this.recipients(seq).filter(({ state }) => state === 'pending');
        return pending.map((recipient) => ({ entry: id, recipient }));
      });
      const all = [...this.#tracked.final(envelopeId), ...waiting];
      return all.sort((a, b) =>
        a.entry === b.entry ? a.recipient.index - b.recipient.index : a.entry < b.entry ? -1 : 1,
      );
    });
  }

  outcomes(after: number, limit: number): TrackedOutcome[] {
    return this.#tracked.after(after, limit);
  }

  lastMark(): number {
    return this.#tracked.last();
  }

  recipients(seq: number): QueueRecipient[] {
    const rows = this.#db.arrays('SELECT value FROM recipient WHERE entry = ? ORDER BY position').all(seq);
    return (rows as unknown as [string][]).map(([value]) => JSON.parse(value));
  }

  #bySeq(seq: number): QueueEntry {
    return this.#entry(this.#db.statement(`SELECT ${COLUMNS} FROM entry WHERE seq = ?`).get(seq)!);
  }

  #entry(row: Record<string, unknown>): QueueEntry {
    const head: EntryHead = JSON.parse(String(row.head));
    const recipients = this.recipients(Number(row.seq));
    return { ...head, held: row.held === 1, size: Number(row.size), recipients };
  }
}
