/**
 * Copies what lives in sparse segments into new ones, beside the writer thread, which only learns where each body is now. Every
 * octet is verified on the way; what is damaged stays where it is. A crash loses nothing: the old place holds until the
 * move is committed, and a copy that nobody knows is a stray.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import type { Log, Random } from '#runtime/ambient.ts';
import { faultPoint } from '#runtime/fault-points.ts';
import { asBuffer } from './pack.ts';
import { segmentFile } from './paths.ts';
import { CHUNK, Stager } from './segment.ts';
import type { MovedBody, SparseBody, SparseSegment } from './segments.ts';

export interface RewriterOptions {
  readonly folder: string;
  readonly random: Random;
  readonly now: () => number;
  readonly log: Log;
  /** The next segment to rewrite, none of these. */
  readonly sparse: (skip: readonly string[]) => Promise<SparseSegment | undefined>;
  /** Commits that these are no longer in `from`. */
  readonly move: (from: string, moved: readonly MovedBody[]) => Promise<void>;
}

/** Octets that a round copies, about: the disk has other things to do. */
const ROUND_BYTES = 512 * 1024 * 1024;

export class Rewriter {
  readonly #options: RewriterOptions;
  /** Segments with damage: they can't become empty, and are left alone as long as this process lives. */
  readonly #damaged: string[] = [];

  constructor(options: RewriterOptions) {
    this.#options = options;
  }

  /** Rewrites until nothing is sparse, the round's octets are copied, or `stopped` says so. */
  async round(stopped: () => boolean): Promise<void> {
    let budget = ROUND_BYTES;
    const { folder, random, now, sparse, move } = this.#options;
    const stager = new Stager({ folder, random, now, largestBody: Number.POSITIVE_INFINITY });
    try {
      while (budget > 0 && !stopped()) {
        const segment = await sparse(this.#damaged);
        if (!segment) return;
        if (segment.bodies.length === 0) this.#damaged.push(segment.id); // its row counts what isn't there
        const moved = await this.#copy(segment, stager, stopped);
        faultPoint('segment:copied');
        await move(segment.id, moved);
        faultPoint('segment:moved');
        for (const { length } of moved) budget -= length;
      }
    } finally {
      await stager.close();
    }
  }

  async #copy({ id, bodies }: SparseSegment, stager: Stager, stopped: () => boolean): Promise<MovedBody[]> {
    const moved: MovedBody[] = [];
    const file = await this.#open(id);
    try {
      for (const body of bodies) {
        try {
          const { segment, position, crc } = await stager.stage(read(file, body, stopped), body.id);
          if (crc !== body.crc) throw new DamagedError('wrong CRC');
          moved.push({ n: body.n, id: body.id, length: body.length, segment, position });
        } catch (error) {
          if (!(error instanceof DamagedError)) throw error;
          this.#options.log.error({ body: body.id, reason: error.message }, 'a stored body can not be read');
          this.#damaged.push(id);
        }
      }
    } finally {
      await file?.close();
    }
    return moved;
  }

  async #open(segment: string): Promise<FileHandle | undefined> {
    try {
      return await open(segmentFile(this.#options.folder, segment), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new MailError('unavailable', 'a segment can not be read', { cause: error });
    }
  }
}

class DamagedError extends Error {}

async function* read(
  file: FileHandle | undefined,
  body: SparseBody,
  stopped: () => boolean,
): AsyncGenerator<Uint8Array> {
  if (!file) throw new DamagedError('the segment is missing');
  const crcs = asBuffer(body.chunks);
  for (let at = 0; at < body.length; at += CHUNK) {
    if (stopped()) throw new MailError('unavailable', 'the writer is closed');
    const bytes = Buffer.allocUnsafe(Math.min(CHUNK, body.length - at));
    for (let have = 0; have < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, have, bytes.length - have, body.position + at + have);
      if (bytesRead === 0) throw new DamagedError('the segment ends early');
      have += bytesRead;
    }
    if (crc32(bytes) !== crcs.readUInt32LE((at / CHUNK) * 4)) throw new DamagedError('wrong CRC');
    yield bytes;
  }
}
