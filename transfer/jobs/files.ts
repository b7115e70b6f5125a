/** Archives that jobs have written or that somebody has sent, in a folder of the peer for a while. A file is there when it is whole. */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import { syncFolder } from '#runtime/durable-folder.ts';
import { isId } from '#store/ids.ts';

export interface JobFilesOptions {
  readonly folder: string;
  readonly clock: { now(): number };
  /** Whether the disk takes so many octets more. */
  readonly hasRoom: (octets: number) => Promise<boolean>;
}

export interface JobFile {
  readonly octets: number;
  readonly expiresAt: number;
}

const KEPT_MS = 7 * 86_400_000;
/** What nobody has written to for so long was left behind. */
const LEFT_MS = 3_600_000;
const PART = '.part';
const LOOK_OCTETS = 16 * 1024 * 1024;
const CHUNK = 262_144;

export class JobFiles {
  readonly #options: JobFilesOptions;

  constructor(options: JobFilesOptions) {
    this.#options = options;
  }

  /** Over what was there under this id. @throws MailError `unavailable` when the disk is full. */
  async write(
    id: string,
    chunks: AsyncIterable<Uint8Array>,
    options: {
      readonly compress?: boolean;
      readonly check?: (whole: AsyncIterable<Uint8Array>) => Promise<unknown>;
    } = {},
  ): Promise<JobFile> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const partial = this.#path(id) + PART;
    const handle = await open(partial, 'w', 0o600);
    try {
      const into = handle.createWriteStream({ highWaterMark: 1_048_576, flush: true });
      const source = Readable.from(chunks, { objectMode: false });
      const bounded = (all: AsyncIterable<Buffer>): AsyncGenerator<Buffer> => this.#bounded(all);
      if (options.compress) await pipeline(source, createZstdCompress(), bounded, into);
      else await pipeline(source, bounded, into);
      // Files are as old as our own clock says.
      const now = this.#options.clock.now() / 1_000;
      await utimes(partial, now, now);
      await options.check?.(createReadStream(partial, { highWaterMark: CHUNK }));
      await rename(partial, this.#path(id));
      await syncFolder(folder);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
    const found = await this.find(id);
    if (found === undefined) throw new MailError('unavailable', 'the archive is gone');
    return found;
  }

  async find(id: string): Promise<JobFile | undefined> {
    if (!isId(id)) return undefined;
    const found = await stat(this.#path(id)).catch(() => undefined);
    const expiresAt = (found?.mtimeMs ?? 0) + KEPT_MS;
    return found === undefined || expiresAt <= this.#options.clock.now()
      ? undefined
      : { octets: found.size, expiresAt: Math.floor(expiresAt) };
  }

  /** Octets [start, end), or all. @throws MailError `bad-request` where there is none. */
  async *read(id: string, start = 0, end = Number.MAX_SAFE_INTEGER): AsyncGenerator<Uint8Array> {
    const handle = isId(id) ? await open(this.#path(id)).catch(() => undefined) : undefined;
    if (handle === undefined) throw new MailError('bad-request', 'there is no archive of this id, or no more');
    const stream = handle.createReadStream({ highWaterMark: CHUNK, start, end: end - 1 });
    yield* stream as AsyncIterable<Buffer>;
  }

  async remove(id: string): Promise<void> {
    if (isId(id)) await rm(this.#path(id), { force: true });
  }

  /** Takes away what is too old. */
  async tidy(): Promise<void> {
    const { folder, clock } = this.#options;
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const found = await stat(path).catch(() => undefined);
      const age = clock.now() - (found?.mtimeMs ?? clock.now());
      if (age > (name.endsWith(PART) ? LEFT_MS : KEPT_MS)) await rm(path, { force: true });
    }
  }

  #path(id: string): string {
    return join(this.#options.folder, `${id}.archive`);
  }

  /** Looks at the disk now and then. */
  async *#bounded(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let since = LOOK_OCTETS;
    for await (const chunk of chunks) {
      since += chunk.length;
      if (since >= LOOK_OCTETS) {
        since = 0;
        if (!(await this.#options.hasRoom(LOOK_OCTETS))) throw new MailError('unavailable', 'the disk is nearly full');
      }
      yield chunk;
    }
  }
}
