/** What came of recipients of tracked entries (`Queue.track`): rows that others never cost anything. */
import type { QueueId, QueueRecipient, TrackedOutcome, TrackedRecipient } from '../queue.ts';
import { TRACKED_RETENTION } from '../queue-rules.ts';
import type { Database } from './database.ts';

/** `entry.tracked` is the envelope id; `tracked` has what became final, in the order in which it did. */
export const TRACKED_TABLES = `
  ALTER TABLE entry ADD COLUMN tracked TEXT;
  CREATE INDEX entry_tracked ON entry (tracked) WHERE tracked IS NOT NULL;
  CREATE TABLE tracked (
    mark INTEGER PRIMARY KEY AUTOINCREMENT, envelope_id TEXT NOT NULL, entry TEXT NOT NULL, position INTEGER NOT NULL,
    at INTEGER NOT NULL, value TEXT NOT NULL, UNIQUE (envelope_id, entry, position)
  ) STRICT;`;

export class TrackedRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Told twice, the first stays. */
  keep(envelopeId: string, id: QueueId, recipient: QueueRecipient, now: number): void {
    const sql = 'INSERT OR IGNORE INTO tracked (envelope_id, entry, position, at, value) VALUES (?, ?, ?, ?, ?)';
    this.#db.statement(sql).run(envelopeId, id, recipient.index, now, JSON.stringify(recipient));
  }

  /** Rows lie in the order of time, so the look ends at the first that stays. */
  clear(now: number): void {
    const sql = 'SELECT mark FROM tracked WHERE at >= ? ORDER BY mark LIMIT 1';
    const kept = this.#db.statement(sql).get(now - TRACKED_RETENTION);
    if (kept === undefined) this.#db.exec('DELETE FROM tracked');
    else this.#db.statement('DELETE FROM tracked WHERE mark < ?').run(Number(kept.mark));
  }

  waiting(envelopeId: string): { readonly seq: number; readonly id: QueueId }[] {
    const rows = this.#db.statement('SELECT seq, id FROM entry WHERE tracked = ?').all(envelopeId);
    return rows.map(({ seq, id }) => ({ seq: Number(seq), id: String(id) }));
  }

  final(envelopeId: string): TrackedRecipient[] {
    const sql = 'SELECT entry, value FROM tracked WHERE envelope_id = ? ORDER BY entry, position';
    return this.#db
      .statement(sql)
      .all(envelopeId)
      .map(({ entry, value }) => ({ entry: String(entry), recipient: JSON.parse(String(value)) }));
  }

  after(mark: number, limit: number): TrackedOutcome[] {
    const sql = 'SELECT mark, envelope_id, entry, value FROM tracked WHERE mark > ? ORDER BY mark LIMIT ?';
    return this.#db
      .statement(sql)
      .all(mark, limit)
      .map((row) => ({
        mark: Number(row.mark),
        envelopeId: String(row.envelope_id),
        entry: String(row.entry),
        recipient: JSON.parse(String(row.value)),
      }));
  }

  last(): number {
    const row = this.#db.statement("SELECT seq FROM sqlite_sequence WHERE name = 'tracked'").get();
    return row === undefined ? 0 : Number(row.seq);
  }
}
