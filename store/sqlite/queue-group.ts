/**
 * The queue's writes, on a thread that owns no sockets. What came in while the last group was being synced is the next group: one
 * transaction, one sync. Each job is a SAVEPOINT; if a group fails as a whole, its jobs are tried one by one.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { DISK_FULL, isDiskFull, MailError } from '#mail/failure.ts';
import { faultPoint, faultPoints, type QueueTransition } from '#runtime/fault-points.ts';
import type { NewQueueEntry, Outcome, QueueId, QueueRecipient } from '../queue.ts';
import {
  checkEntry,
  checkKept,
  droppedRecipient,
  FINISHED_RETENTION,
  newRecipients,
  pendingOf,
  settleRecipient,
} from '../queue-rules.ts';
import { type Database, openDatabase } from './database.ts';
import {
  CONTENT_FILE,
  CONTENT_IN_ROW,
  contentFile,
  type EntryHead,
  QUEUE_MIGRATIONS,
  QueueReader,
  queueFile,
  queueFolder,
} from './queue-rows.ts';
import { TrackedRows } from './queue-tracked.ts';

export type QueueAction = 'retry' | 'hold' | 'release' | 'drop';

export type QueueJob =
  | { readonly kind: 'enqueue'; readonly entry: NewQueueEntry }
  | {
      readonly kind: 'settle';
      readonly id: QueueId;
      readonly outcomes: readonly Outcome[];
      readonly reports: readonly NewQueueEntry[];
    }
  | {
      readonly kind: 'act';
      readonly action: QueueAction;
      readonly ids: readonly QueueId[] | 'all';
      readonly now: number;
    }
  | {
      readonly kind: 'keep';
      readonly envelopeId: string;
      readonly entry: QueueId;
      readonly recipients: readonly QueueRecipient[];
    };

export type QueueAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failure: MailError['failure']; readonly text: string; readonly cause?: unknown };

/** Milliseconds between clearances of finished ids. */
const CLEAR_EVERY = 3_600_000;

export class QueueGroups {
  readonly #db: Database;
  readonly #reader: QueueReader;
  readonly #tracked: TrackedRows;
  readonly #folder: string;
  #now = 0;
  #clearedAt = 0;
  /** Of the group in hand. */
  #folderChanged = false;
  #discard: string[] = [];
  #taken: QueueId[] = [];
  /** Contents that were taken for entries that then could not be written. */
  readonly #orphans = new Set<QueueId>();

  constructor(data: string) {
    this.#folder = queueFolder(data);
    mkdirSync(this.#folder, { recursive: true });
    this.#db = openDatabase(queueFile(data), { migrations: QUEUE_MIGRATIONS, autoCheckpoint: 4_000 });
    this.#reader = new QueueReader(this.#db);
    this.#tracked = new TrackedRows(this.#db);
    this.#removeOrphans();
  }

  run(jobs: readonly QueueJob[], now: number): QueueAnswer[] {
    this.#now = now;
    this.#folderChanged = false;
    this.#discard = [];
    this.#taken = [];
    let answers: QueueAnswer[];
    try {
      answers = this.#db.transaction(() => {
        this.#clearFinished();
        const done = jobs.map((job) => this.#savepoint(job));
        // RFC 5321 §6.1: the name of the file is durable before the row that counts on it.
        if (this.#folderChanged) syncPath(this.#folder);
        faultPoints('before', () => jobs.flatMap(transitions));
        return done;
      });
    } catch (error) {
      if (jobs.length > 1) return jobs.flatMap((job) => this.run([job], now));
      for (const id of this.#taken) this.#orphans.add(id);
      const text = isDiskFull(error) ? DISK_FULL : 'the queue could not be written';
      return [{ ok: false, failure: 'unavailable', text, cause: String(error) }];
    }
    faultPoints('after', () => jobs.flatMap(transitions));
    for (const file of this.#discard) rmSync(file, { force: true });
    if (this.#orphans.size > 0) this.#dropOrphans();
    faultPoint('queue:discarded');
    return answers;
  }

  close(): void {
    this.#db.close();
  }

  #savepoint(job: QueueJob): QueueAnswer {
    this.#db.exec('SAVEPOINT job');
    const discarded = this.#discard.length;
    try {
      const value = this.#job(job);
      this.#db.exec('RELEASE job');
      return { ok: true, value };
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      this.#db.exec('ROLLBACK TO job; RELEASE job');
      this.#discard.length = discarded;
      return { ok: false, failure: error.failure, text: error.message };
    }
  }

  #job(job: QueueJob): unknown {
    if (job.kind === 'enqueue') return this.#enqueue(job.entry);
    if (job.kind === 'settle') return this.#settle(job.id, job.outcomes, job.reports);
    if (job.kind === 'act') return this.#act(job.action, job.ids, job.now);
    checkKept(job.envelopeId, job.recipients);
    for (const one of job.recipients) this.#tracked.keep(job.envelopeId, job.entry, one, this.#now);
    return null;
  }

  #enqueue(given: NewQueueEntry): QueueId {
    checkEntry(given);
    const known = this.#known(given.deliveryId);
    if (known !== undefined) {
      const spool = 'file' in given.content ? given.content.file : undefined;
      if (spool !== undefined && spool !== contentFile(this.#folder, known)) this.#discard.push(spool);
      return known;
    }
    if (this.#seq(given.id) !== undefined) throw new MailError('exists', 'the queue id is taken');
    const { content, recipients: _, ...head } = given;
    const size = 'data' in content ? content.data.length : content.size;
    const inFile = 'file' in content || size > CONTENT_IN_ROW;
    if (inFile) this.#takeFile(given.id, content);
    const seq = this.#addEntry(head, size, inFile, given);
    if (!inFile)
      this.#db.statement('INSERT INTO content VALUES (?, ?)').run(seq, (content as { data: Uint8Array }).data);
    return given.id;
  }

  #addEntry(head: EntryHead, size: number, inFile: boolean, given: NewQueueEntry): number {
    const sql = `INSERT INTO entry (id, delivery_id, next_at, held, pending, arrived_at, size, in_file, tracked, head)
      VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?)`;
    const recipients = newRecipients(given);
    const { count, nextAt } = pendingOf(recipients);
    const { id, deliveryId, arrivedAt } = head;
    const tracked = head.tracked ? head.envelopeId! : null;
    const row = [id, deliveryId, nextAt, count, arrivedAt, size, Number(inFile), tracked, JSON.stringify(head)];
    const seq = Number(this.#db.statement(sql).run(...row).lastInsertRowid);
    const add = this.#db.statement('INSERT INTO recipient VALUES (?, ?, ?, ?, ?)');
    for (const one of recipients) add.run(seq, one.index, one.state, one.nextAttemptAt, JSON.stringify(one));
    return seq;
  }

  #known(deliveryId: string): QueueId | undefined {
    const sql = `SELECT id FROM entry WHERE delivery_id = ?1 UNION ALL SELECT id FROM finished WHERE delivery_id = ?1`;
    const row = this.#db.statement(sql).get(deliveryId);
    return row && String(row.id);
  }

  #seq(id: QueueId): number | undefined {
    const row = this.#db.statement('SELECT seq FROM entry WHERE id = ?').get(id);
    return row && Number(row.seq);
  }

  /** Content that is not in the row: a spool file becomes ours by its name, octets in memory are written. Both are synced. */
  #takeFile(id: QueueId, content: NewQueueEntry['content']): void {
    const target = contentFile(this.#folder, id);
    this.#folderChanged = true;
    this.#taken.push(id);
    if ('data' in content) writeFileSync(target, content.data, { flush: true });
    else if (existsSync(content.file)) {
      if (statSync(content.file).size !== content.size)
        throw new MailError('bad-request', 'the spool file has another size');
      syncPath(content.file);
      renameSync(content.file, target);
      faultPoint('queue:file-taken');
    } else if (!existsSync(target)) throw new MailError('bad-request', 'there is no spool file');
  }

  #settle(id: QueueId, outcomes: readonly Outcome[], reports: readonly NewQueueEntry[]): null {
    // What is told a second time, or of an entry that was dropped meanwhile, has no effect and causes no reports.
    const entry = this.#db.statement('SELECT seq, tracked FROM entry WHERE id = ?').get(id);
    if (entry === undefined) return this.#discardAll(reports);
    const seq = Number(entry.seq);
    const recipients = this.#reader.recipients(seq);
    let effective = outcomes.length === 0;
    for (const outcome of outcomes) {
      const before = recipients[outcome.index];
      if (before === undefined) continue;
      const after = settleRecipient(before, outcome);
      if (after === before) continue;
      effective = true;
      recipients[outcome.index] = after;
      this.#putRecipient(seq, after);
      if (entry.tracked !== null && after.state !== 'pending') {
        this.#tracked.keep(String(entry.tracked), id, after, this.#now);
      }
    }
    if (!effective) return this.#discardAll(reports);
    for (const report of reports) this.#enqueue(report);
    if (pendingOf(recipients).count === 0) this.#finish(seq);
    else this.#schedule(seq, recipients);
    return null;
  }

  #discardAll(reports: readonly NewQueueEntry[]): null {
    for (const { content } of reports) if ('file' in content) this.#discard.push(content.file);
    return null;
  }

  #putRecipient(seq: number, recipient: QueueRecipient): void {
    const { state, nextAttemptAt, index } = recipient;
    const sql = 'UPDATE recipient SET state = ?, next_at = ?, value = ? WHERE entry = ? AND position = ?';
    this.#db.statement(sql).run(state, nextAttemptAt, JSON.stringify(recipient), seq, index);
  }

  #schedule(seq: number, recipients: readonly QueueRecipient[]): void {
    const { count, nextAt } = pendingOf(recipients);
    const sql = 'UPDATE entry SET pending = ?1, next_at = CASE held WHEN 0 THEN ?2 END WHERE seq = ?3';
    this.#db.statement(sql).run(count, nextAt, seq);
  }

  /** The entry goes, its delivery id stays for a while. */
  #finish(seq: number): void {
    const row = this.#db.statement('SELECT id, delivery_id, in_file FROM entry WHERE seq = ?').get(seq)!;
    for (const table of ['recipient', 'content']) this.#db.statement(`DELETE FROM ${table} WHERE entry = ?`).run(seq);
    this.#db.statement('DELETE FROM entry WHERE seq = ?').run(seq);
    const sql = 'INSERT OR REPLACE INTO finished VALUES (?, ?, ?)';
    this.#db.statement(sql).run(String(row.delivery_id), String(row.id), this.#now);
    if (row.in_file === 1) this.#discard.push(contentFile(this.#folder, String(row.id)));
  }

  #act(action: QueueAction, ids: readonly QueueId[] | 'all', now: number): QueueId[] {
    const all = () =>
      this.#db
        .statement('SELECT id FROM entry ORDER BY seq')
        .all()
        .map((row) => String(row.id));
    const done: QueueId[] = [];
    for (const id of ids === 'all' ? all() : ids) {
      const seq = this.#seq(id);
      if (seq === undefined) continue;
      if (action === 'drop') this.#drop(seq, id);
      else this.#change(seq, action, now);
      done.push(id);
    }
    return done;
  }

  #drop(seq: number, id: QueueId): void {
    const { tracked } = this.#db.statement('SELECT tracked FROM entry WHERE seq = ?').get(seq)!;
    if (tracked !== null) {
      const pending = this.#reader.recipients(seq).filter(({ state }) => state === 'pending');
      for (const one of pending) this.#tracked.keep(String(tracked), id, droppedRecipient(one), this.#now);
    }
    this.#finish(seq);
  }

  #change(seq: number, action: 'retry' | 'hold' | 'release', now: number): void {
    let recipients = this.#reader.recipients(seq);
    if (action === 'retry') {
      recipients = recipients.map((one) => (one.state === 'pending' ? { ...one, nextAttemptAt: now } : one));
      for (const one of recipients) if (one.state === 'pending') this.#putRecipient(seq, one);
    } else this.#db.statement('UPDATE entry SET held = ? WHERE seq = ?').run(Number(action === 'hold'), seq);
    this.#schedule(seq, recipients);
  }

  #clearFinished(): void {
    if (this.#now - this.#clearedAt < CLEAR_EVERY) return;
    this.#clearedAt = this.#now;
    this.#db.statement('DELETE FROM finished WHERE at < ?').run(this.#now - FINISHED_RETENTION);
    this.#tracked.clear(this.#now);
  }

  /** A commit that failed can't be found in the log any more once another stands there: only then is its content nobody's. */
  #dropOrphans(): void {
    for (const id of this.#orphans) {
      if (this.#seq(id) === undefined) rmSync(contentFile(this.#folder, id), { force: true });
    }
    this.#orphans.clear();
  }

  /** Files whose entry never came to be, or went with the last words of an earlier life. */
  #removeOrphans(): void {
    for (const name of readdirSync(this.#folder)) {
      const id = CONTENT_FILE.exec(name)?.[1];
      if (id !== undefined && this.#seq(id) === undefined) rmSync(contentFile(this.#folder, id), { force: true });
    }
  }
}

function transitions(job: QueueJob): QueueTransition[] {
  if (job.kind === 'enqueue') return ['enqueue'];
  if (job.kind === 'act') return [job.action];
  if (job.kind === 'keep') return [];
  return job.outcomes.map((each) =>
    each.verdict === 'deferred' && each.delayNotified === true ? 'delayed' : each.verdict,
  );
}

function syncPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
