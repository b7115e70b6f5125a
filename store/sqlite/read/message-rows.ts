/**
 * Rows of messages on their way from the tables: packed in one buffer for another thread, or finished for the one that asked.
 */
import { CONTENT_COLUMN_LIMIT, type Columns, type MessageRow } from '../../store.ts';
import type { Uid, UidSet } from '../../types.ts';
import {
  asBuffer,
  COLUMN_NAMES,
  type ColumnName,
  headMessage,
  headPlainLines,
  headPrefixLength,
  headSize,
  headThread,
  headTime,
  unpackHeaders,
  unpackParts,
} from '../pack.ts';
import { BATCH_BYTES, memoryFor } from './batch-memory.ts';

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

/** Of few messages, for which a thread waits that has sockets to serve. */
const FEW_BYTES = 128 * 1024;
const BATCH_ROWS = 4_096;
export const storedColumns = (columns: Columns): readonly ColumnName[] =>
  COLUMN_NAMES.filter((name) => columns[name] === true);
export const extraColumns = (columns: Columns): readonly ('rawHeader' | 'content')[] =>
  (['rawHeader', 'content'] as const).filter((name) => columns[name] === true);

/** Takes a row's cells, its head first, and then the row. */
export interface Sink {
  readonly full: boolean;
  /** Octets after which it is full. */
  readonly most: number;
  mark(): number;
  /** Takes back what was appended since `mark`: the row is damaged. */
  reset(mark: number): void;
  /** One cell, made of these two. */
  append(first?: Buffer, second?: Buffer): void;
  row(uid: Uid, savedAt: number): void;
}

export class RowWriter implements Sink {
  readonly rows: MessageRow[] = [];
  damaged = 0;
  readonly #names: readonly (ColumnName | 'rawHeader' | 'content')[];
  #cells: Buffer[] = [];
  #octets = 0;

  constructor(columns: Columns) {
    this.#names = [...storedColumns(columns), ...extraColumns(columns)];
  }

  readonly most = FEW_BYTES;

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

  append(first: Buffer = NOTHING, second: Buffer = NOTHING): void {
    const cell = second.length === 0 ? first : first.length === 0 ? second : Buffer.concat([first, second]);
    this.#octets += cell.length;
    this.#cells.push(cell);
  }

  row(uid: Uid, savedAt: number): void {
    const cells = this.#cells;
    this.#cells = [];
    const row = rowOf(uid, savedAt, cells[0]!);
    for (let i = 1; i < cells.length; i++) setColumn(row, this.#names[i - 1]!, cells[i]!, 0, cells[i]!.length);
    this.rows.push(row);
  }
}

const NOTHING = Buffer.alloc(0);

export class BatchWriter implements Sink {
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

  readonly most = BATCH_BYTES;

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

  append(first: Buffer = NOTHING, second: Buffer = NOTHING): void {
    const length = this.#length + first.length + second.length;
    if (length > this.#bytes.length) this.#grow(length);
    if (first.length > 0) this.#bytes.set(first, this.#length);
    if (second.length > 0) this.#bytes.set(second, this.#length + first.length);
    this.#length = length;
    this.#ends.push(length);
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
  else row[name] = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
}
