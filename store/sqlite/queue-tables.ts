/** What the queue does, on its tables: synchronous, for the one thread that may write (queue-thread.ts). Writers run inside its transaction. */
import type { NewQueueEntry, Outcome, QueueEntry, QueueId } from '../queue.ts';
import type { Database } from './database.ts';
import { type EntryRow, entryOf, type RecipientRow } from './queue-rows.ts';

export type QueueAct = 'retry' | 'hold' | 'release' | 'drop';

/** Where an entry's content is: `file` says that it is the file of that id in the queue's folder. */
export type StoredContent = { readonly data: Uint8Array } | { readonly file: true; readonly size: number };

export type StorableEntry = Omit<NewQueueEntry, 'content'> & { readonly content: StoredContent };

/** How long the delivery id of an ended entry is remembered: longer than anything tries again (STORE.md §2). */
const FINISHED_RETENTION = 7 * 86_400_000;

export class QueueTables {
  readonly #db: Database;
  /** Ids whose content file can go once the transaction is durable. */
  endedFiles: QueueId[] = [];

  constructor(db: Database) {
    this.#db = db;
  }

  enqueue(entry: StorableEntry): QueueId {
    const known = this.#known(entry.deliveryId);
    if (known !== undefined) return known;
    const file = 'file' in entry.content;
    const size = 'file' in entry.content ? entry.content.size : entry.content.data.length;
    const { lastInsertRowid } = this.#db
      .statement(
        `INSERT INTO entry (id, delivery_id, reverse_path, body_type, smtputf8, envelope_id, ret, arrived_at, expires_at, size, in_file, next_due)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        entry.id,
        entry.deliveryId,
        entry.reversePath === null ? null : JSON.stringify(entry.reversePath),
        entry.bodyType,
        entry.smtputf8 ? 1 : 0,
        entry.envelopeId ?? null,
        entry.ret ?? null,
        entry.arrivedAt,
        entry.expiresAt,
        size,
        file ? 1 : 0,
        entry.arrivedAt,
      );
    if ('data' in entry.content) {
      this.#db.statement('INSERT INTO content (seq, data) VALUES (?, ?)').run(lastInsertRowid, entry.content.data);
    }
    const insert = this.#db.statement(
      `INSERT INTO recipient (seq, idx, path, state, attempts, next_attempt_at) VALUES (?, ?, ?, 'pending', 0, ?)`,
    );
    entry.recipients.forEach((path, index) => {
      insert.run(lastInsertRowid, index, JSON.stringify(path), entry.arrivedAt);
    });
    return entry.id;
  }

  #known(deliveryId: string): QueueId | undefined {
    const row =
      this.#db.statement('SELECT id FROM entry WHERE delivery_id = ?').get(deliveryId) ??
      this.#db.statement('SELECT id FROM finished WHERE delivery_id = ?').get(deliveryId);
    return row === undefined ? undefined : String(row.id);
  }

  /** An entry that was dropped meanwhile takes no outcomes and causes no reports; nor does a recipient that ended. */
  settle(id: QueueId, outcomes: readonly Outcome[], reports: readonly StorableEntry[], now: number): void {
    const row = this.#row(id);
    if (row === undefined) return;
    for (const outcome of outcomes) this.#record(row.seq, outcome);
    for (const report of reports) this.enqueue(report);
    this.#refresh(row, now);
  }

  #record(seq: number, outcome: Outcome): void {
    const deferred = outcome.verdict === 'deferred';
    this.#db
      .statement(
        `UPDATE recipient SET state = ?, attempts = attempts + 1, last_attempt_at = ?, last_reply = coalesce(?, last_reply),
           remote_mta = CASE WHEN ? IS NULL THEN remote_mta ELSE ? END,
           next_attempt_at = coalesce(?, next_attempt_at), delay_notified_at = coalesce(delay_notified_at, ?)
         WHERE seq = ? AND idx = ? AND state = 'pending'`,
      )
      .run(
        deferred ? 'pending' : outcome.verdict,
        outcome.at,
        outcome.reply === undefined ? null : JSON.stringify(outcome.reply),
        outcome.reply === undefined ? null : 1,
        outcome.remoteMta ?? null,
        deferred ? outcome.nextAttemptAt : null,
        deferred && outcome.delayNotified ? outcome.at : null,
        seq,
        outcome.index,
      );
  }

  /** After recipients changed: the entry's own due time, or its end. */
  #refresh(row: EntryRow, now: number): void {
    const next = this.#db
      .statement(`SELECT min(next_attempt_at) AS next FROM recipient WHERE seq = ? AND state = 'pending'`)
      .get(row.seq)?.next;
    if (next === null || next === undefined) this.#end(row, now);
    else this.#db.statement('UPDATE entry SET next_due = ? WHERE seq = ?').run(next, row.seq);
  }

  #end(row: EntryRow, now: number): void {
    for (const table of ['recipient', 'content', 'entry']) {
      this.#db.statement(`DELETE FROM ${table} WHERE seq = ?`).run(row.seq);
    }
    this.#db
      .statement('INSERT OR REPLACE INTO finished (delivery_id, id, ended_at) VALUES (?, ?, ?)')
      .run(row.delivery_id, row.id, now);
    this.#db.statement('DELETE FROM finished WHERE ended_at < ?').run(now - FINISHED_RETENTION);
    if (row.in_file === 1) this.endedFiles.push(row.id);
  }

  act(action: QueueAct, ids: readonly QueueId[] | 'all', now: number): QueueId[] {
    const wanted =
      ids === 'all'
        ? this.#db
            .statement('SELECT id FROM entry ORDER BY seq')
            .all()
            .map((row) => String(row.id))
        : ids;
    return wanted.filter((id) => {
      const row = this.#row(id);
      if (row === undefined) return false;
      if (action === 'drop') this.#end(row, now);
      else if (action === 'retry') this.#dueNow(row, now);
      else this.#db.statement('UPDATE entry SET held = ? WHERE seq = ?').run(action === 'hold' ? 1 : 0, row.seq);
      return true;
    });
  }

  #dueNow(row: EntryRow, now: number): void {
    this.#db
      .statement(`UPDATE recipient SET next_attempt_at = ? WHERE seq = ? AND state = 'pending'`)
      .run(now, row.seq);
    this.#refresh(row, now);
  }

  due(now: number, limit: number, except: ReadonlySet<QueueId>): QueueEntry[] {
    const rows = this.#db
      .statement('SELECT * FROM entry WHERE held = 0 AND next_due <= ? ORDER BY next_due, seq LIMIT ?')
      .all(now, limit + except.size) as unknown as EntryRow[];
    return rows
      .filter((row) => !except.has(row.id))
      .slice(0, limit)
      .map((row) => this.#whole(row));
  }

  nextDue(): number | undefined {
    const next = this.#db.statement('SELECT min(next_due) AS next FROM entry WHERE held = 0').get()?.next;
    return typeof next === 'number' ? next : undefined;
  }

  get(id: QueueId): QueueEntry | undefined {
    const row = this.#row(id);
    return row === undefined ? undefined : this.#whole(row);
  }

  list(limit: number, after: QueueId | undefined): QueueEntry[] {
    const from = after === undefined ? undefined : this.#row(after)?.seq;
    const rows = this.#db
      .statement('SELECT * FROM entry WHERE seq > ? ORDER BY seq LIMIT ?')
      .all(from ?? 0, limit) as unknown as EntryRow[];
    return rows.map((row) => this.#whole(row));
  }

  /** The whole content, or the word that it is a file. */
  content(id: QueueId): { readonly data: Uint8Array } | { readonly file: true } | undefined {
    const row = this.#row(id);
    if (row === undefined) return undefined;
    if (row.in_file === 1) return { file: true };
    return { data: this.#db.statement('SELECT data FROM content WHERE seq = ?').get(row.seq)?.data as Uint8Array };
  }

  counts(): { messages: number; recipients: number; oldest?: number } {
    const entries = this.#db.statement('SELECT count(*) AS n, min(arrived_at) AS oldest FROM entry').get();
    const pending = this.#db.statement(`SELECT count(*) AS n FROM recipient WHERE state = 'pending'`).get();
    const oldest = entries?.oldest;
    return {
      messages: Number(entries?.n),
      recipients: Number(pending?.n),
      ...(typeof oldest === 'number' ? { oldest } : {}),
    };
  }

  /** Ids of all entries whose content is a file: what else lies in the folder is left over from a crash. */
  files(): Set<QueueId> {
    return new Set(
      this.#db
        .statement('SELECT id FROM entry WHERE in_file = 1')
        .all()
        .map((row) => String(row.id)),
    );
  }

  #row(id: QueueId): EntryRow | undefined {
    return this.#db.statement('SELECT * FROM entry WHERE id = ?').get(id) as unknown as EntryRow | undefined;
  }

  #whole(row: EntryRow): QueueEntry {
    const recipients = this.#db.statement('SELECT * FROM recipient WHERE seq = ? ORDER BY idx').all(row.seq);
    return entryOf(row, recipients as unknown as RecipientRow[]);
  }
}
