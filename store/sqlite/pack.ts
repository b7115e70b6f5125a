/**
 * How messages lie in their rows and travel to the writer. Each blob carries a CRC-32, because SQLite's pages have none
 * (STORE.md §5). All integers are little endian.
 *
 * head: u32 crc of the rest, f64 internal date, i16 its zone, f64 size, u32 prefix length, u32 length of the body's header
 * section, f64 number of the body, u8 length of message id, u8 length of thread id with PLAIN_LINES, then these ids and the prefix.
 * columns: u32 crc of the rest, for each column u32 where it ends, then the columns in the order of `COLUMN_NAMES`.
 */
import { crc32 } from 'node:zlib';
import { LineEnds } from '#mail/mime/lines.ts';
import type { DateTime, IndexedHeaders, LineFacts, MessageIndex } from '#mail/mime/message-index.ts';
import { packParts, unpackParts } from '#mail/mime/pack.ts';
import { threadKeys } from '../threads.ts';
import type { BodyRef, InlineBody, MessageId, NewMessage, ThreadId } from '../types.ts';

/** The stored columns of a message, in this order everywhere. */
export const COLUMN_NAMES = ['envelope', 'body', 'bodystructure', 'parts', 'headers', 'preview'] as const;
export type ColumnName = (typeof COLUMN_NAMES)[number];

/** A new message on its way to the writer: its columns are finished, so that the one writer need not do it. */
export interface PackedMessage {
  readonly id: MessageId;
  readonly body: BodyRef | InlineBody;
  readonly prefix: Uint8Array;
  readonly internalDate: DateTime;
  readonly headerLength: number;
  readonly threadKeys: readonly string[];
  readonly columns: Uint8Array;
  /** Octets that it grows by when it is sent as lines; -1 where nothing has to be done to it, however it begins (`MessageRow.plainLines`). */
  readonly growth: number;
}

export function packMessage(message: NewMessage): PackedMessage {
  const { id, body, prefix, index, internalDate } = message;
  const headerLength = index.root.bodyStart;
  const columns = packColumns(index);
  const growth = growthOf(prefix, index.sending);
  return { id, body, prefix, internalDate, headerLength, threadKeys: threadKeys(index.headers), columns, growth };
}

function growthOf(prefix: Uint8Array, { growth, dots }: LineFacts): number {
  const ends = new LineEnds();
  ends.push(asBuffer(prefix));
  const all = growth + ends.facts.growth;
  return all === 0 && !dots && !ends.facts.dots ? -1 : all;
}

const COLUMNS_FIXED = 4 + 4 * COLUMN_NAMES.length;

function packColumns(index: MessageIndex): Buffer {
  const { envelope, body, bodystructure, root, headers, preview } = index;
  const pieces = [envelope, body, bodystructure, packParts(root), JSON.stringify(headers), preview];
  const lengths = pieces.map((piece) => (typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length));
  const out = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length, COLUMNS_FIXED));
  let at = COLUMNS_FIXED;
  for (const [i, piece] of pieces.entries()) {
    if (typeof piece === 'string') out.write(piece, at, 'utf8');
    else out.set(piece, at);
    at += lengths[i]!;
    out.writeUInt32LE(at, 4 + 4 * i);
  }
  out.writeUInt32LE(crc32(out.subarray(4)), 0);
  return out;
}

export const columnsAreWhole = (columns: Buffer): boolean =>
  columns.length >= COLUMNS_FIXED && crc32(columns.subarray(4)) === columns.readUInt32LE(0);

/** @param n position in `COLUMN_NAMES`. */
export function columnOf(columns: Buffer, n: number): Buffer {
  return columns.subarray(n === 0 ? COLUMNS_FIXED : columns.readUInt32LE(4 * n), columns.readUInt32LE(4 + 4 * n));
}

const FIXED = 40;
/** In the octet of the thread id's length; rows from before it was there don't have it. */
const PLAIN_LINES = 0x80;

export function packHead(message: PackedMessage, thread: ThreadId, body: number, size: number): Buffer {
  const { id, prefix, internalDate } = message;
  const head = Buffer.allocUnsafe(FIXED + id.length + thread.length + prefix.length);
  head.writeDoubleLE(internalDate.time, 4);
  head.writeInt16LE(internalDate.zone, 12);
  head.writeDoubleLE(size, 14);
  head.writeUInt32LE(prefix.length, 22);
  head.writeUInt32LE(message.headerLength, 26);
  head.writeDoubleLE(body, 30);
  head[38] = id.length;
  head[39] = thread.length | (message.growth < 0 ? PLAIN_LINES : 0);
  head.write(id, FIXED, 'latin1');
  head.write(thread, FIXED + id.length, 'latin1');
  head.set(prefix, FIXED + id.length + thread.length);
  head.writeUInt32LE(crc32(head.subarray(4)), 0);
  return head;
}

/** It has all that `headSize` and `headBody` look at. */
export const headIsLong = (head: Buffer): boolean => head.length >= FIXED;
export const headIsWhole = (head: Buffer): boolean =>
  headIsLong(head) && crc32(head.subarray(4)) === head.readUInt32LE(0);
export const headTime = (head: Buffer): DateTime => ({ time: head.readDoubleLE(4), zone: head.readInt16LE(12) });
export const headSize = (head: Buffer): number => head.readDoubleLE(14);
export const headPrefixLength = (head: Buffer): number => head.readUInt32LE(22);
export const headBodySize = (head: Buffer): number => headSize(head) - headPrefixLength(head);
/** Octets of the body's header section, the empty line included. */
export const headHeaderLength = (head: Buffer): number => head.readUInt32LE(26);
/** The body's number in the shard. */
export const headBody = (head: Buffer): number => head.readDoubleLE(30);
export const headMessage = (head: Buffer): MessageId => head.toString('latin1', FIXED, FIXED + head[38]!);
/** The same of a column `head` in SQL, where thousands are wanted at once. The length of an id is a one-octet character. */
export const MESSAGE_OF_HEAD = `CAST(substr(head, ${FIXED + 1}, unicode(substr(head, 39, 1))) AS TEXT)`;
export function headThread(head: Buffer): ThreadId {
  const start = FIXED + head[38]!;
  return head.toString('latin1', start, start + threadLength(head));
}
export const headPrefix = (head: Buffer): Buffer => head.subarray(FIXED + head[38]! + threadLength(head));
const threadLength = (head: Buffer): number => head[39]! & ~PLAIN_LINES;
export const headPlainLines = (head: Buffer): boolean => (head[39]! & PLAIN_LINES) !== 0;

export { unpackParts };
export const unpackHeaders = (bytes: Buffer): IndexedHeaders => JSON.parse(bytes.toString('utf8'));

/** A view on the same memory. */
export const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
