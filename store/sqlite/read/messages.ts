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
  headPlainLines,
  headPrefix,
  headPrefixLength,
  headSize,
  headThread,
  headTime,
  unpackHeaders,
  unpackParts,
} from '../pack.ts';
import type { FoundMailbox } from './account.ts';
import { BATCH_BYTES, CONTENT_BATCH, memoryFor } from './batch-memory.ts';
import type { BodyReader } from './bodies.ts';
import { findPlace, numberHint } from './place.ts';

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

/** As `MessageBatch`, finished. */
export interface FewMessages {
  readonly rows: readonly MessageRow[];
  readonly rest: UidSet;
  readonly damaged: number;
}

/** Of few messages, for which a thread waits that has sockets to serve. */
const FEW_BYTES = 128 * 1024;
const BATCH_ROWS = 4_096;
const ROWS_A_QUERY = 256;
/** Whole contents are up to 64 KiB each. */
const CONTENTS_A_QUERY = 16;

type Row = [uid: Uid, savedAt: number, head: Uint8Array, columns?: Uint8Array];

export const storedColumns = (columns: Columns): readonly ColumnName[] =>
  COLUMN_NAMES.filter((name) => columns[name] === true);
export const extraColumns = (columns: Columns): readonly ('rawHeader' | 'content')[] =>
  (['rawHeader', 'content'] as const).filter((name) => columns[name] === true);

const cells = (columns: boolean): string => `SELECT p.uid, p.saved_at, m.head${columns ? ', m.columns' : ''}`;
const MESSAGE = 'CROSS JOIN messages m ON m.k = p.message';

function query(columns: boolean, expunged: boolean): string {
  if (!expunged) {
    return `${cells(columns)} FROM placements p ${MESSAGE}
      WHERE p.account = ?1 AND p.mailbox = ?2 AND p.uid BETWEEN ?3 AND ?4 ORDER BY p.uid LIMIT ?5`;
  }
  // Brought together in a table of its own first, which takes four times as long as the rest.
  const from = (table: string): string => `SELECT account, uid, saved_at, message FROM ${table}
    WHERE account = ?1 AND mailbox = ?2 AND uid BETWEEN ?3 AND ?4`;
  return `${cells(columns)} FROM (${from('placements')} UNION ALL ${from('expunged')} ORDER BY uid LIMIT ?5) p ${MESSAGE}`;
}

/** One message with its mailbox, whose number is a hint (place.ts). */
const queryOne = (columns: boolean): string => `${cells(columns)} FROM accounts a
  CROSS JOIN mailboxes b ON b.account = a.n
  CROSS JOIN placements p ON p.account = b.account AND p.mailbox = b.n ${MESSAGE}
  WHERE a.id = ? AND b.n = ? AND b.id = ? AND p.uid = ?`;

const ONE = queryOne(false);
const ONE_WITH_COLUMNS = queryOne(true);
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
    const cells = 1 + storedColumns(request.columns).length + extraColumns(request.columns).length;
    const out = new BatchWriter(cells, request.columns.content === true ? CONTENT_BATCH : BATCH_BYTES / 4);
    const rest = this.#read(access, request, out);
    return out.finish(rest);
  }

  /** As rows, for the thread that asks: nothing is packed for a way that it doesn't go. */
  few(access: Access, request: BatchRequest): FewMessages {
    const out = new RowWriter(request.columns);
    const rest = this.#read(access, request, out);
    return { rows: out.rows, rest, damaged: out.damaged };
  }

  /** Answers what is left. */
  #read(access: Access, request: BatchRequest, out: Sink): UidSet {
    const stored = storedColumns(request.columns);
    const extra = extraColumns(request.columns);
    const wanted = stored.map((name) => COLUMN_NAMES.indexOf(name));
    const one = isOne(request.uids);
    const found = one ? this.#one(access, request, stored.length > 0) : undefined;
    if (found !== undefined) {
      this.#add(out, found, wanted, extra);
      return [];
    }
    const { account, mailbox } = findPlace(this.#db, access, request.mailbox);
    const expunged = request.expunged && !one && this.#anyExpunged(account, mailbox, request.uids);
    const statement = this.#db.arrays(query(stored.length > 0, expunged));
    const limit = extra.length > 0 ? CONTENTS_A_QUERY : ROWS_A_QUERY;
    let left = [...request.uids];
    while (left.length > 0 && !out.full) {
      const [first, last] = left[0]!;
      let rows =
        first < mailbox.uidNext ? (statement.all(account, mailbox.n, first, last, limit) as unknown as Row[]) : [];
      // One message is mostly there, so that nobody has to ask first whether it was expunged.
      if (one && rows.length === 0 && request.expunged) {
        rows = this.#db
          .arrays(query(stored.length > 0, true))
          .all(account, mailbox.n, first, last, limit) as unknown as Row[];
      }
      let next = rows.length < limit ? last + 1 : rows.at(-1)![0] + 1;
      for (const row of rows) {
        if (out.full) {
          next = row[0];
          break;
        }
        this.#add(out, row, wanted, extra);
      }
      if (next > last) left.shift();
      else left[0] = [next, last];
    }
    if (left.length > 0 && left[0]![0] >= mailbox.uidNext) left = [];
    return left;
  }

  /** The only message asked for, where it and its mailbox are as mostly: `undefined` says nothing. */
  #one({ owner, viewer }: Access, { mailbox, uids }: BatchRequest, columns: boolean): Row | undefined {
    if (viewer !== owner) return undefined;
    const statement = this.#db.arrays(columns ? ONE_WITH_COLUMNS : ONE);
    return statement.get(owner, numberHint(this.#db, mailbox), mailbox, uids[0]![0]) as unknown as Row | undefined;
  }

  /** Mostly there are none, and the query that brings both tables together is twice as dear. */
  #anyExpunged(account: number, mailbox: FoundMailbox, uids: UidSet): boolean {
    const [first, last] = [uids[0]?.[0] ?? 0, uids.at(-1)?.[1] ?? 0];
    return this.#db.arrays(EXPUNGED).get(account, mailbox.n, first, last) !== undefined;
  }

  #add(
    out: Sink,
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

  #extra(out: Sink, head: Buffer, name: 'rawHeader' | 'content'): void {
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

const isOne = (uids: UidSet): boolean => uids.length === 1 && uids[0]![0] === uids[0]![1];

/** Takes a row's cells, its head first, and then the row. */
interface Sink {
  readonly full: boolean;
  mark(): number;
  /** Takes back what was appended since `mark`: the row is damaged. */
  reset(mark: number): void;
  /** One cell, made of these pieces. */
  append(...pieces: readonly Uint8Array[]): void;
  row(uid: Uid, savedAt: number): void;
}

class RowWriter implements Sink {
  readonly rows: MessageRow[] = [];
  damaged = 0;
  readonly #names: readonly (ColumnName | 'rawHeader' | 'content')[];
  #cells: Buffer[] = [];
  #octets = 0;

  constructor(columns: Columns) {
    this.#names = [...storedColumns(columns), ...extraColumns(columns)];
  }

  get full(): boolean {
    return this.#octets >= FEW_BYTES;
  }

  mark(): number {
    return 0;
  }

  reset(): void {
    this.#cells = [];
    this.damaged++;
  }

  append(...pieces: readonly Uint8Array[]): void {
    const [only, ...more] = pieces.filter((piece) => piece.length > 0);
    const cell = more.length > 0 ? Buffer.concat(pieces) : asBuffer(only ?? NOTHING);
    this.#octets += cell.length;
    this.#cells.push(cell);
  }

  row(uid: Uid, savedAt: number): void {
    const [head, ...cells] = this.#cells;
    this.#cells = [];
    const row = rowOf(uid, savedAt, head!);
    for (const [i, name] of this.#names.entries()) setColumn(row, name, cells[i]!, 0, cells[i]!.length);
    this.rows.push(row);
  }
}

const NOTHING = Buffer.alloc(0);

class BatchWriter implements Sink {
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
    this.#bytes = memoryFor(octets);
  }

  get full(): boolean {
    return this.#length >= BATCH_BYTES || this.#uids.length >= BATCH_ROWS;
  }

  mark(): number {
    return this.#length;
  }

  reset(mark: number): void {
    this.#length = mark;
    this.#ends.length = this.#uids.length * this.#columns;
    this.#damaged++;
  }

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
    const row = rowOf(batch.uids[i]!, batch.savedAt[i]!, head);
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

type NewRow = { -readonly [K in keyof MessageRow]: MessageRow[K] };

export function rowOf(uid: Uid, savedAt: number, head: Buffer): NewRow {
  return {
    uid,
    message: headMessage(head),
    thread: headThread(head),
    internalDate: headTime(head),
    savedAt,
    size: headSize(head),
    prefixLength: headPrefixLength(head),
    plainLines: headPlainLines(head),
  };
}

export function setColumn(
  row: NewRow,
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
