/** Octets of bodies, verified: what is damaged is `unavailable` and a line in the log, never wrong octets (STORE.md §5). */
import { closeSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import type { Log } from '#runtime/ambient.ts';
import type { Database } from '../database.ts';
import { asBuffer } from '../pack.ts';
import { segmentFile } from '../paths.ts';
import { CHUNK } from '../segment.ts';

const OPEN_SEGMENTS = 64;
/** Milliseconds that a file stays open: one that was removed takes room until it is closed. */
const OPEN_FOR = 60_000;

export type BodyRow = [
  length: number,
  crc: number,
  data: Uint8Array | null,
  segment: string | null,
  position: number | null,
  chunks: Uint8Array | null,
];

/** Bodies that are looked up by one statement. */
export const BODIES_A_QUERY = 16;

const CELLS = 'SELECT b.length, b.crc, b.data, b.segment, b.position, b.chunks FROM';
const BODY = `${CELLS} bodies b WHERE b.n = ?`;
/** A row for each number, in their order: a fifth cheaper than one statement each, wherever the bodies lie. */
const BODIES = `${CELLS} (VALUES ${Array(BODIES_A_QUERY).fill('(?)').join(', ')}) v LEFT JOIN bodies b ON b.n = v.column1`;

export class BodyReader {
  readonly #db: Database;
  readonly #folder: string;
  readonly #log: Log;
  readonly #open = new Map<string, { readonly file: number; readonly since: number }>();

  constructor(db: Database, folder: string, log: Log) {
    this.#db = db;
    this.#folder = folder;
    this.#log = log;
  }

  /** @param numbers up to `BODIES_A_QUERY` of them; `null` finds nothing. */
  find(numbers: readonly (number | null)[]): BodyRow[] {
    const all = Array.from({ length: BODIES_A_QUERY }, (_, i) => numbers[i] ?? null);
    return this.#db.arrays(BODIES).all(...all) as unknown as BodyRow[];
  }

  /** Octets [start, end), clipped to the body. @param size of it, as the message has it under its own CRC. @param found what `find` answered for it. */
  read(n: number, size: number, start: number, end: number, found?: BodyRow): Buffer {
    const row = found ?? (this.#db.arrays(BODY).get(n) as unknown as BodyRow | undefined);
    // No row, or one without cells: `find` has a row for each number.
    if (typeof row?.[0] !== 'number') return this.#damaged(n, 'the body is missing');
    const [length, crc, data, segment, position, chunks] = row;
    // No CRC covers it: a shorter one would let the rest of the message be missing.
    if (length !== size) return this.#damaged(n, 'wrong length');
    const [from, to] = [Math.max(0, start), Math.min(end, length)];
    if (from >= to) return Buffer.alloc(0);
    if (data === null) return this.#fromSegment(n, segment!, position!, length, asBuffer(chunks!), from, to);
    const bytes = this.#inline(n, data, length, crc);
    return from === 0 && to === length ? bytes : bytes.subarray(from, to);
  }

  close(): void {
    for (const { file } of this.#open.values()) closeSync(file);
    this.#open.clear();
  }

  #inline(n: number, data: Uint8Array, length: number, crc: number): Buffer {
    const bytes = asBuffer(data);
    if (bytes.length !== length || crc32(bytes) !== crc) return this.#damaged(n, 'wrong CRC');
    return bytes;
  }

  /** Whole chunks are read, for each has a CRC of its own: a piece of a large body costs no more than the chunks around it. */
  #fromSegment(
    n: number,
    segment: string,
    position: number,
    length: number,
    chunks: Buffer,
    from: number,
    to: number,
  ): Buffer {
    const first = Math.floor(from / CHUNK) * CHUNK;
    const last = Math.min(length, Math.ceil(to / CHUNK) * CHUNK);
    const bytes = Buffer.allocUnsafe(last - first);
    try {
      const file = this.#file(segment);
      for (let have = 0; have < bytes.length; ) {
        const got = readSync(file, bytes, have, bytes.length - have, position + first + have);
        if (got === 0) return this.#damaged(n, 'the segment ends early');
        have += got;
      }
    } catch (error) {
      if (error instanceof MailError) throw error;
      return this.#damaged(n, (error as Error).message);
    }
    for (let at = first; at < last; at += CHUNK) {
      const chunk = bytes.subarray(at - first, Math.min(at + CHUNK, last) - first);
      if (crc32(chunk) !== chunks.readUInt32LE((at / CHUNK) * 4)) return this.#damaged(n, 'wrong CRC');
    }
    return bytes.subarray(from - first, to - first);
  }

  #file(segment: string): number {
    const now = performance.now();
    // In the order in which they were opened.
    for (const [id, { file, since }] of this.#open) {
      if (now - since < OPEN_FOR && this.#open.size <= OPEN_SEGMENTS) break;
      this.#open.delete(id);
      closeSync(file);
    }
    const known = this.#open.get(segment);
    if (known !== undefined) return known.file;
    const file = openSync(segmentFile(this.#folder, segment), 'r');
    this.#open.set(segment, { file, since: now });
    return file;
  }

  #damaged(n: number, reason: string): never {
    const row = this.#db.arrays('SELECT id FROM bodies WHERE n = ?').get(n) as unknown as [string] | undefined;
    const body = row?.[0] ?? String(n);
    this.#log.error({ body, reason }, 'a stored body can not be read');
    throw new MailError('unavailable', 'the message can not be read', { cause: new Error(reason) });
  }
}
