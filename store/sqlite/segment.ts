/**
 * Segments: append-only files of large bodies (STORE.md §5). Each is written by one stager of one process and never opened
 * again for writing after that, so that nothing that lies in it can be harmed. A body is its octets and a trailer (for
 * repair: magic, length, CRC, id); the shard says which file and where, with a CRC for every chunk.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import type { Random } from '#runtime/ambient.ts';
import { makeDurableFolder, syncFolder } from '#runtime/durable-folder.ts';
import { faultPoint } from '#runtime/fault-points.ts';
import { newId } from '../ids.ts';
import type { StagedBody } from './mutations/bodies.ts';
import { segmentFile } from './paths.ts';

/** Octets that share a CRC. */
export const CHUNK = 65_536;
/** Octets that are gathered before they are written; with room behind them for a trailer. */
const WRITE = 4 * CHUNK;
const TRAILER_ROOM = 17 + 255;
/** Buffers that are kept for the next bodies: making one costs as much as filling it. */
const BUFFERS = 8;
/** After so many octets or milliseconds a stager begins another segment. The collector counts on the time. */
const SEGMENT_BYTES = 256 * 1024 * 1024;
const SEGMENT_LIFE = 3_600_000;
const MAGIC = 'PPB1';

interface Segment {
  readonly id: string;
  readonly file: FileHandle;
  readonly openedAt: number;
  position: number;
  /** After trouble with the file it is not used again. A stream that breaks off only leaves a gap. */
  broken: boolean;
}

export interface StagerOptions {
  readonly folder: string;
  readonly random: Random;
  readonly now: () => number;
  /** Octets. */
  readonly largestBody: number;
}

/** Puts bodies into segments of its own: as many at once as there are streams, each in a file that no other appends to meanwhile. */
export class Stager {
  readonly #options: StagerOptions;
  readonly #idle: Segment[] = [];
  readonly #buffers: Buffer[] = [];
  #folderMade: Promise<void> | undefined;

  constructor(options: StagerOptions) {
    this.#options = options;
  }

  /** The body lies on the disk when it answers. Throws `too-large`, `unavailable`, and what `content` throws. */
  async stage(content: AsyncIterable<Uint8Array>, id = newId('body', this.#options.random)): Promise<StagedBody> {
    const segment = await this.#take();
    const gathered = this.#buffers.pop() ?? Buffer.allocUnsafeSlow(WRITE + TRAILER_ROOM);
    try {
      const body = await append(segment, content, id, this.#options.largestBody, gathered);
      faultPoint('segment:written');
      await onFile(segment, () => segment.file.datasync());
      faultPoint('segment:synced');
      return body;
    } finally {
      if (this.#buffers.length < BUFFERS) this.#buffers.push(gathered);
      await this.#give(segment);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map(({ file }) => file.close()));
  }

  async #take(): Promise<Segment> {
    for (let segment = this.#idle.pop(); segment; segment = this.#idle.pop()) {
      if (!this.#worn(segment)) return segment;
      await segment.file.close();
    }
    const { folder, random, now } = this.#options;
    await this.#makeFolder();
    const id = newId('body', random);
    const file = await open(segmentFile(folder, id), 'wx', 0o600);
    faultPoint('segment:created');
    // The name must survive a power cut as well as the octets do.
    await syncFolder(folder);
    return { id, file, openedAt: now(), position: 0, broken: false };
  }

  /** Once in the life of a stager; what failed is tried again. */
  async #makeFolder(): Promise<void> {
    this.#folderMade ??= makeDurableFolder(this.#options.folder);
    try {
      await this.#folderMade;
    } catch (error) {
      this.#folderMade = undefined;
      throw error;
    }
  }

  async #give(segment: Segment): Promise<void> {
    if (segment.broken || this.#worn(segment)) {
      await segment.file.close();
      faultPoint('segment:sealed');
    } else this.#idle.push(segment);
  }

  #worn(segment: Segment): boolean {
    return segment.position >= SEGMENT_BYTES || this.#options.now() - segment.openedAt >= SEGMENT_LIFE;
  }
}

async function append(
  segment: Segment,
  content: AsyncIterable<Uint8Array>,
  id: string,
  largest: number,
  gathered: Buffer,
): Promise<StagedBody> {
  const start = segment.position;
  const chunks: number[] = [];
  let have = 0;
  let length = 0;
  let crc = 0;
  const sum = (): void => {
    const bytes = gathered.subarray(0, have);
    crc = crc32(bytes, crc);
    for (let at = 0; at < have; at += CHUNK) chunks.push(crc32(bytes.subarray(at, at + CHUNK)));
  };
  for await (const piece of content) {
    length += piece.length;
    if (length > largest) throw new MailError('too-large', 'the message is too large');
    for (let at = 0; at < piece.length; ) {
      const take = Math.min(piece.length - at, WRITE - have);
      gathered.set(piece.subarray(at, at + take), have);
      have += take;
      at += take;
      if (have === WRITE) {
        sum();
        await write(segment, gathered.subarray(0, have));
        have = 0;
      }
    }
  }
  sum();
  have += trailer(id, length, crc).copy(gathered, have);
  await write(segment, gathered.subarray(0, have));
  const packed = Buffer.allocUnsafe(chunks.length * 4);
  for (const [i, one] of chunks.entries()) packed.writeUInt32LE(one, i * 4);
  return { id, length, crc, codec: 'identity', key: null, segment: segment.id, position: start, chunks: packed };
}

/** The position moves on before the write: what a failed one left is never written over. */
async function write(segment: Segment, bytes: Buffer): Promise<void> {
  let position = segment.position;
  segment.position += bytes.length;
  for (let rest = bytes; rest.length > 0; ) {
    const { bytesWritten } = await onFile(segment, () => segment.file.write(rest, 0, rest.length, position));
    rest = rest.subarray(bytesWritten);
    position += bytesWritten;
  }
}

async function onFile<T>(segment: Segment, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    segment.broken = true;
    throw new MailError('unavailable', 'the message can not be stored', { cause: error });
  }
}

function trailer(id: string, length: number, crc: number): Buffer {
  const out = Buffer.alloc(17 + id.length);
  out.write(MAGIC, 0, 'latin1');
  out.writeDoubleLE(length, 4);
  out.writeUInt32LE(crc, 12);
  out[16] = id.length;
  out.write(id, 17, 'latin1');
  return out;
}
