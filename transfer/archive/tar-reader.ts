/** Reads a tar stream entry by entry, as `tar-writer.ts` and other pax writers make it. */
import { createHash, type Hash } from 'node:crypto';
import { MailError } from '#mail/failure.ts';
import { BLOCK } from './tar-writer.ts';

export interface TarEntry {
  readonly name: string;
  readonly size: number;
  readonly link?: string;
  /** Every record of the extended header. */
  readonly pax: Readonly<Record<string, string>>;
  /** To be read before the next entry is asked for; what is left is passed over. */
  readonly content: AsyncIterable<Uint8Array>;
  /** SHA-256 of every octet before this entry, hexadecimal; only of the entry that it was asked for. */
  readonly digest?: string;
}

/** Extended headers are read whole. */
const MOST_PAX = 1_048_576;

/**
 * @param digestAt the name of the entry before which the digest is taken.
 * @throws MailError `bad-request` for what is no tar, is damaged, or ends too early.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>, digestAt: string): AsyncGenerator<TarEntry> {
  const hash = createHash('sha256');
  const input = new Input(source, hash);
  try {
    let pax: Record<string, string> = {};
    for (let block = await input.header(); block.some((octet) => octet !== 0); block = await input.header()) {
      const head = parseHeader(block);
      const digest = head.name === digestAt ? { digest: hash.copy().digest('hex') } : {};
      hash.update(block);
      if (head.type === 'x' || head.type === 'g') {
        if (head.size > MOST_PAX) throw damaged('an extended header is too long');
        const text = await input.take(head.size);
        await input.take(paddingOf(head.size));
        if (head.type === 'x') pax = parsePax(text);
        continue;
      }
      const { path = head.name, linkpath = head.link, ...own } = pax;
      const linked = head.type === '1';
      const size = linked ? 0 : head.size;
      let left = size;
      async function* content(): AsyncGenerator<Uint8Array> {
        while (left > 0) {
          const chunk = await input.some(left);
          left -= chunk.length;
          yield chunk;
        }
      }
      yield { name: path, size, pax: own, content: content(), ...digest, ...(linked ? { link: linkpath } : {}) };
      while (left > 0) left -= (await input.some(left)).length;
      await input.take(paddingOf(size));
      pax = {};
    }
  } finally {
    await input.end();
  }
}

const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

const damaged = (what: string): MailError => new MailError('bad-request', `the archive is damaged: ${what}`);

function parseHeader(block: Buffer) {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : block[i]!;
  if (octal(block, 148, 8) !== sum) throw damaged('the checksum of a header does not match');
  return {
    name: text(block, 0, 100),
    size: octal(block, 124, 12),
    type: String.fromCharCode(block[156]! || 0x30),
    link: text(block, 157, 100),
  };
}

function text(block: Buffer, start: number, length: number): string {
  const end = block.indexOf(0, start);
  return block.toString('utf8', start, end < 0 || end > start + length ? start + length : end);
}

function octal(block: Buffer, start: number, length: number): number {
  const digits = text(block, start, length).trim();
  if (!/^[0-7]+$/.test(digits)) throw damaged('a header can not be read. Was it written by `peerpost account export`?');
  return Number.parseInt(digits, 8);
}

function parsePax(bytes: Buffer): Record<string, string> {
  const records: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString('latin1', at, space));
    if (space < 0 || !Number.isInteger(length) || length <= space - at || at + length > bytes.length) {
      throw damaged('an extended header can not be read');
    }
    const record = bytes.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    records[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  return records;
}

/** Octets by number. */
class Input {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #hash: Hash;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>, hash: Hash) {
    this.#source = source[Symbol.asyncIterator]();
    this.#hash = hash;
  }

  /** A block that is not hashed yet. */
  header(): Promise<Buffer> {
    return this.#take(BLOCK, (most) => this.#next(most));
  }

  /** Exactly so many. */
  take(size: number): Promise<Buffer> {
    return this.#take(size, (most) => this.some(most));
  }

  async #take(size: number, next: (most: number) => Promise<Buffer>): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let left = size; left > 0; ) {
      const piece = await next(left);
      pieces.push(piece);
      left -= piece.length;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** At least one, at most so many. */
  async some(most: number): Promise<Buffer> {
    const piece = await this.#next(most);
    this.#hash.update(piece);
    return piece;
  }

  async #next(most: number): Promise<Buffer> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) throw damaged('it ends too early');
      this.#chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    const piece = this.#chunk.subarray(0, most);
    this.#chunk = this.#chunk.subarray(piece.length);
    return piece;
  }

  async end(): Promise<void> {
    await this.#source.return?.(undefined);
  }
}
