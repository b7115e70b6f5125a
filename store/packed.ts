/**
 * Finished columns of many messages in a few buffers, for answers about whole mailboxes: nothing is made for each message on the way. A block
 * is its `head` (UIDs, dates, sizes) and the columns asked for, each message's octets one behind the other. `fields` holds the header fields
 * that clients ask for when they list a mailbox, as they stand in the message, in their order: octet of the name's place in `PACKED_FIELDS`,
 * u32 length, the field with its CRLF. `terms` holds folded addresses and subject (search/needles.ts), `message` the message's id. All numbers as the machine has them, which is little endian wherever Node runs.
 */
import type { DateTime, IndexedHeaders } from '#mail/mime/message-index.ts';
import { searchedText } from './search/needles.ts';
import type { MessageId, Uid, UidSet } from './types.ts';

export const PACKED_COLUMNS = ['envelope', 'body', 'bodystructure', 'fields', 'terms', 'message'] as const;
export type PackedColumn = (typeof PACKED_COLUMNS)[number];

/** UIDs of a block: (block × BLOCK, (block + 1) × BLOCK]. */
export const BLOCK = 256;

/** Lower case. */
export const PACKED_FIELDS: readonly string[] = [
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'subject',
  'date',
  'message-id',
  'in-reply-to',
  'references',
  'newsgroups',
  'content-type',
  'content-transfer-encoding',
  'mime-version',
  'list-id',
  'list-post',
  'list-unsubscribe',
  'priority',
  'x-priority',
  'importance',
  'x-mailer',
  'user-agent',
  'return-path',
  'delivered-to',
  'x-spam-flag',
  'disposition-notification-to',
];
const FIELD_NUMBERS: ReadonlyMap<string, number> = new Map(PACKED_FIELDS.map((name, n) => [name, n]));

/** The numbers of these fields (any case); `undefined` when one of them is not packed. */
export function packedFieldNumbers(names: readonly string[]): ReadonlySet<number> | undefined {
  const numbers = names.map((name) => FIELD_NUMBERS.get(name.toLowerCase()));
  return numbers.includes(undefined) ? undefined : new Set(numbers as number[]);
}

export interface PackedHead {
  /** Ascending. */
  readonly uids: Uint32Array;
  /** Internal date: milliseconds since 1970 and minutes east of Greenwich. */
  readonly times: Float64Array;
  readonly zones: Float64Array;
  readonly sizes: Float64Array;
}

export interface PackedCells {
  /** Where each message's octets end. */
  readonly ends: Uint32Array;
  readonly bytes: Buffer;
}

export interface PackedBlock {
  readonly head: PackedHead;
  readonly columns: { readonly [C in PackedColumn]?: PackedCells };
}

/** What of a `MessageRow` (store.ts) is packed; read it with `packedFrom`. */
export interface PackedSource {
  readonly uid: Uid;
  readonly message: MessageId;
  readonly internalDate: DateTime;
  readonly size: number;
  readonly envelope?: Uint8Array;
  readonly body?: Uint8Array;
  readonly bodystructure?: Uint8Array;
  readonly rawHeader?: Uint8Array;
  readonly headers?: IndexedHeaders;
}

/** The columns of messages that a block is made of. Ids alone need no look into the header. */
export function packedFrom(columns: readonly PackedColumn[]) {
  const has = (column: PackedColumn): boolean => columns.includes(column);
  return {
    envelope: has('envelope'),
    body: has('body'),
    bodystructure: has('bodystructure'),
    headers: has('terms'),
    rawHeader: columns.some((column) => column !== 'message'),
  };
}

/** The block as it is kept: `head` and then each column as octets. Messages with NUL in their header are left to who answers with care. */
export function packRows(all: readonly PackedSource[], columns: readonly PackedColumn[]): Uint8Array[] {
  const rows = all.filter((row) => row.rawHeader?.includes(0) !== true);
  return [packHead(rows), ...columns.map((column) => packCells(rows.map((row) => cellOf(row, column))))];
}

function cellOf(row: PackedSource, column: PackedColumn): Uint8Array {
  if (column === 'fields') return packFields(row.rawHeader!);
  if (column === 'message') return Buffer.from(row.message);
  return column === 'terms' ? Buffer.from(searchedText(row.headers!)) : row[column]!;
}

function packHead(rows: readonly PackedSource[]): Uint8Array {
  const out = new Uint8Array(8 + rows.length * 28);
  new Uint32Array(out.buffer, 0, 1)[0] = rows.length;
  const head = unpackHead(out);
  rows.forEach((row, i) => {
    head.uids[i] = row.uid;
    head.times[i] = row.internalDate.time;
    head.zones[i] = row.internalDate.zone;
    head.sizes[i] = row.size;
  });
  return out;
}

/** @param bytes from offset 0 of memory of their own. */
function unpackHead(bytes: Uint8Array): PackedHead {
  const n = new Uint32Array(bytes.buffer, bytes.byteOffset, 1)[0]!;
  const column = (k: number): Float64Array => new Float64Array(bytes.buffer, bytes.byteOffset + 8 + k * 8 * n, n);
  return {
    times: column(0),
    zones: column(1),
    sizes: column(2),
    uids: new Uint32Array(bytes.buffer, bytes.byteOffset + 8 + 24 * n, n),
  };
}

function packCells(cells: readonly Uint8Array[]): Uint8Array {
  const start = 4 + 4 * cells.length;
  const out = new Uint8Array(cells.reduce((sum, cell) => sum + cell.length, start));
  const numbers = new Uint32Array(out.buffer, 0, 1 + cells.length);
  numbers[0] = cells.length;
  let at = start;
  cells.forEach((cell, i) => {
    out.set(cell, at);
    at += cell.length;
    numbers[1 + i] = at - start;
  });
  return out;
}

function unpackCells(bytes: Uint8Array): PackedCells {
  const n = new Uint32Array(bytes.buffer, bytes.byteOffset, 1)[0]!;
  const start = 4 + 4 * n;
  return {
    ends: new Uint32Array(bytes.buffer, bytes.byteOffset + 4, n),
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset + start, bytes.length - start),
  };
}

/** @param packs for each block its head and then its columns, as `packRows` made them. */
export function unpackBlocks(packs: readonly Uint8Array[], columns: readonly PackedColumn[]): PackedBlock[] {
  const blocks: PackedBlock[] = [];
  for (let i = 0; i < packs.length; i += 1 + columns.length) {
    const cells = columns.map((column, k) => [column, unpackCells(packs[i + 1 + k]!)]);
    blocks.push({ head: unpackHead(packs[i]!), columns: Object.fromEntries(cells) });
  }
  return blocks;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const FIELD_HEAD = 5;

/** Lines that are no fields are left out, as they are of HEADER.FIELDS. */
function packFields(rawHeader: Uint8Array): Uint8Array {
  const header = Buffer.from(rawHeader.buffer, rawHeader.byteOffset, rawHeader.byteLength);
  const pieces: Buffer[] = [];
  for (let at = 0; at < header.length; ) {
    if (header[at] === LF || (header[at] === CR && header[at + 1] === LF)) break;
    const end = fieldEnd(header, at);
    const colon = header.indexOf(COLON, at);
    // White space before the colon is obsolete but read (RFC 5322 §4.5).
    const name = colon < 0 || colon >= end ? '' : header.toString('latin1', at, colon).trimEnd().toLowerCase();
    const number = FIELD_NUMBERS.get(name);
    if (number !== undefined) {
      const head = Buffer.alloc(FIELD_HEAD);
      head[0] = number;
      head.writeUInt32LE(end - at, 1);
      pieces.push(head, header.subarray(at, end));
    }
    at = end;
  }
  return Buffer.concat(pieces);
}

/** Behind the field's last line: folded lines begin with white space. */
function fieldEnd(header: Buffer, start: number): number {
  for (let at = start; ; ) {
    const lf = header.indexOf(LF, at);
    if (lf < 0) return header.length;
    at = lf + 1;
    if (header[at] !== 0x20 && header[at] !== 0x09) return at;
  }
}

/** Calls back with each field of one message that is among `wanted`. */
export function eachField(
  { bytes }: PackedCells,
  start: number,
  end: number,
  wanted: ReadonlySet<number>,
  found: (from: number, to: number) => void,
): void {
  for (let at = start; at < end; ) {
    const length = bytes.readUInt32LE(at + 1);
    if (wanted.has(bytes[at]!)) found(at + FIELD_HEAD, at + FIELD_HEAD + length);
    at += FIELD_HEAD + length;
  }
}

/** The blocks in which these UIDs lie, ascending. */
export function blocksOf(uids: UidSet): number[] {
  const blocks: number[] = [];
  for (const [first, last] of uids) {
    for (let block = blockOf(first); block <= blockOf(last); block++) if (blocks.at(-1) !== block) blocks.push(block);
  }
  return blocks;
}

export const blockOf = (uid: Uid): number => Math.floor((uid - 1) / BLOCK);
/** The UIDs of a block. */
export const uidsOfBlock = (block: number): readonly [Uid, Uid] => [block * BLOCK + 1, (block + 1) * BLOCK];
