/**
 * Columns of messages in packed batches: one buffer with every blob behind the other, and where each ends. The thread that
 * asked makes rows of them by cutting views (`unpackRows`); only ids, parts and headers are decoded there.
 */
import { MailError } from '#mail/failure.ts';
import type { Log } from '#runtime/ambient.ts';
import { CONTENT_COLUMN_LIMIT, type Columns, type MessageRow } from '../../store.ts';
import type { Access, MailboxId, Uid, UidSet } from '../../types.ts';
import type { Database } from '../database.ts';
import {
  asBuffer,
  COLUMN_NAMES,
  type ColumnName,
  columnOf,
  columnsAreWhole,
  headBody,
  headHeaderLength,
  headIsWhole,
  headMessage,
  headPrefix,
  headPrefixLength,
  headSize,
  headThread,
  headTime,
  unpackHeaders,
  unpackParts,
} from '../pack.ts';
import type { FoundMailbox } from './account.ts';
import type { BodyReader } from './bodies.ts';
import { findPlace } from './place.ts';

export interface BatchRequest {
  readonly mailbox: MailboxId;
  readonly uids: UidSet;
  readonly columns: Columns;
  readonly expunged: boolean;
}

/** What each row has in `bytes`, in this order: its head, then the columns asked for. */
export interface MessageBatch {
  readonly uids: Uint32Array;
  readonly savedAt: Float64Array;
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  /** What is left to ask for. */
  readonly rest: UidSet;
  /** Messages that are damaged, and not in this batch. */
  readonly damaged: number;
}

const BATCH_BYTES = 1024 * 1024;
const FEW_BYTES = 16 * 1024;
const BATCH_ROWS = 4_096;
const ROWS_A_QUERY = 256;
/** Whole contents are up to 64 KiB each. */
const CONTENTS_A_QUERY = 16;

type Row = [uid: Uid, savedAt: number, head: Uint8Array, columns?: Uint8Array];

export const storedColumns = (columns: Columns): readonly ColumnName[] =>
  COLUMN_NAMES.filter((name) => columns[name] === true);
export const extraColumns = (columns: Columns): readonly ('rawHeader' | 'content')[] =>
  (['rawHeader', 'content'] as const).filter((name) => columns[name] === true);

function query(columns: boolean, expunged: boolean): string {
  const from = (table: string): string => `SELECT account, uid, saved_at, message FROM ${table}
    WHERE account = ?1 AND mailbox = ?2 AND uid BETWEEN ?3 AND ?4`;
  const source = expunged ? `${from('placements')} UNION ALL ${from('expunged')}` : from('placements');
  return `SELECT p.uid, p.saved_at, m.head${columns ? ', m.columns' : ''} FROM (${source} ORDER BY uid LIMIT ?5) p
    CROSS JOIN messages m ON m.k = p.message`;
}

const EXPUNGED = 'SELECT 1 FROM expunged WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? LIMIT 1';

export class MessageReader {
  readonly #db: Database;
  readonly #bodies: BodyReader;
  readonly #log: Log;

  constructor(db: Database, bodies: BodyReader, log: Log) {
    this.#db = db;
    this.#bodies = bodies;
    this.#log = log;
  }

  batch(access: Access, request: BatchRequest): MessageBatch {
    const { account, mailbox } = findPlace(this.#db, access, request.mailbox);
    const stored = storedColumns(request.columns);
    const extra = extraColumns(request.columns);
    const statement = this.#db.arrays(
      query(stored.length > 0, request.expunged && this.#anyExpunged(account, mailbox, request.uids)),
    );
    const wanted = stored.map((name) => COLUMN_NAMES.indexOf(name));
    const limit = extra.length > 0 ? CONTENTS_A_QUERY : ROWS_A_QUERY;
    let left = [...request.uids];
    const few = left.length === 1 && left[0]![1] - left[0]![0] < 4;
    const octets = request.columns.content === true ? BATCH_BYTES * 1.25 : BATCH_BYTES / 4;
    const out = new BatchWriter(1 + stored.length + extra.length, few ? FEW_BYTES : octets);
    while (left.length > 0 && !out.full) {
      const [first, last] = left[0]!;
      const rows =
        first < mailbox.uidNext ? (statement.all(account, mailbox.n, first, last, limit) as unknown as Row[]) : [];
      for (const row of rows) this.#add(out, row, wanted, extra);
      if (rows.length < limit) left.shift();
      else if (rows.at(-1)![0] >= last) left.shift();
      else left[0] = [rows.at(-1)![0] + 1, last];
    }
    if (left.length > 0 && left[0]![0] >= mailbox.uidNext) left = [];
    return out.finish(left);
  }

  /** Mostly there are none, and the query that brings both tables together is twice as dear. */
  #anyExpunged(account: number, mailbox: FoundMailbox, uids: UidSet): boolean {
    const [first, last] = [uids[0]?.[0] ?? 0, uids.at(-1)?.[1] ?? 0];
    return this.#db.arrays(EXPUNGED).get(account, mailbox.n, first, last) !== undefined;
  }

  #add(
    out: BatchWriter,
    [uid, savedAt, head, columns]: Row,
    wanted: readonly number[],
    extra: readonly ('rawHeader' | 'content')[],
  ): void {
    const mark = out.mark();
    try {
      const fixed = asBuffer(head);
      if (!headIsWhole(fixed)) this.#damaged(uid, 'wrong CRC of a row');
      out.append(fixed);
      if (columns) {
        const packed = asBuffer(columns);
        if (!columnsAreWhole(packed)) this.#damaged(uid, 'wrong CRC of a row');
        for (const n of wanted) out.append(columnOf(packed, n));
      }
      for (const name of extra) this.#extra(out, fixed, name);
      out.row(uid, savedAt);
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      out.reset(mark);
    }
  }

  #extra(out: BatchWriter, head: Buffer, name: 'rawHeader' | 'content'): void {
    if (name === 'content' && headSize(head) > CONTENT_COLUMN_LIMIT) {
      out.append();
      return;
    }
    const end = name === 'content' ? Number.POSITIVE_INFINITY : headHeaderLength(head);
    out.append(headPrefix(head), this.#bodies.read(headBody(head), 0, end));
  }

  #damaged(uid: Uid, reason: string): never {
    this.#log.error({ uid, reason }, 'a stored message can not be read');
    throw new MailError('unavailable', 'the message can not be read');
  }

  /** Octets [start, end) of the content, but no more than `most` of them. */
  content(access: Access, mailbox: MailboxId, uid: Uid, start: number, end: number): Buffer {
    const { account, mailbox: found } = findPlace(this.#db, access, mailbox);
    const rows = this.#db.arrays(query(false, true)).all(account, found.n, uid, uid, 1) as unknown as Row[];
    if (rows.length === 0) throw new MailError('no-such-message', 'no such message');
    const head = asBuffer(rows[0]![2]);
    if (!headIsWhole(head)) this.#damaged(uid, 'wrong CRC of a row');
    const prefix = headPrefix(head);
    const body = this.#bodies.read(headBody(head), start - prefix.length, end - prefix.length);
    return start < prefix.length ? Buffer.concat([prefix.subarray(start, end), body]) : body;
  }
}

class BatchWriter {
  #bytes: Buffer;
  #length = 0;
  readonly #ends: number[] = [];
  readonly #uids: Uid[] = [];
  readonly #savedAt: number[] = [];
  readonly #columns: number;
  #damaged = 0;

  /** @param octets that there may be: memory costs more than reading a message does, and growing costs more still. */
  constructor(columns: number, octets: number) {
    this.#columns = columns;
    this.#bytes = Buffer.allocUnsafeSlow(octets);
  }

  get full(): boolean {
    return this.#length >= BATCH_BYTES || this.#uids.length >= BATCH_ROWS;
  }

  mark(): number {
    return this.#length;
  }

  /** Takes back what was appended since `mark`: the row is damaged. */
  reset(mark: number): void {
    this.#length = mark;
    this.#ends.length = this.#uids.length * this.#columns;
    this.#damaged++;
  }

  /** One column, made of these pieces. */
  append(...pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      if (this.#length + piece.length > this.#bytes.length) this.#grow(this.#length + piece.length);
      this.#bytes.set(piece, this.#length);
      this.#length += piece.length;
    }
    this.#ends.push(this.#length);
  }

  row(uid: Uid, savedAt: number): void {
    this.#uids.push(uid);
    this.#savedAt.push(savedAt);
  }

  #grow(least: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(least, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }

  finish(rest: UidSet): MessageBatch {
    return {
      uids: Uint32Array.from(this.#uids),
      savedAt: Float64Array.from(this.#savedAt),
      // Half empty buffers are not worth a copy: they live as long as the rows do, which is short.
      bytes: this.#bytes.subarray(0, this.#length),
      ends: Uint32Array.from(this.#ends),
      rest,
      damaged: this.#damaged,
    };
  }
}

export function unpackRows(batch: MessageBatch, columns: Columns): MessageRow[] {
  const names = [...storedColumns(columns), ...extraColumns(columns)];
  const bytes = asBuffer(batch.bytes);
  const rows: MessageRow[] = [];
  let start = 0;
  let cell = 0;
  for (let i = 0; i < batch.uids.length; i++) {
    let end = batch.ends[cell++]!;
    const head = bytes.subarray(start, end);
    const row: { -readonly [K in keyof MessageRow]: MessageRow[K] } = {
      uid: batch.uids[i]!,
      message: headMessage(head),
      thread: headThread(head),
      internalDate: headTime(head),
      savedAt: batch.savedAt[i]!,
      size: headSize(head),
      prefixLength: headPrefixLength(head),
    };
    for (const name of names) {
      start = end;
      end = batch.ends[cell++]!;
      setColumn(row, name, bytes, start, end);
    }
    start = end;
    rows.push(row);
  }
  return rows;
}

function setColumn(
  row: { -readonly [K in keyof MessageRow]: MessageRow[K] },
  name: ColumnName | 'rawHeader' | 'content',
  bytes: Buffer,
  start: number,
  end: number,
): void {
  if (name === 'content' && row.size > CONTENT_COLUMN_LIMIT) return;
  if (name === 'preview') row.preview = bytes.toString('utf8', start, end);
  else if (name === 'parts') row.parts = unpackParts(bytes.subarray(start, end));
  else if (name === 'headers') row.headers = unpackHeaders(bytes.subarray(start, end));
  else row[name] = bytes.subarray(start, end);
}
