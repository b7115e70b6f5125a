/**
 * A zip file (APPNOTE 6.3.10) as a stream, made while it is read. Of what has passed only the lines of the closing directory stay, some hundred octets an entry.
 * Zip64 where offsets or counts need it; a single entry stays below 4 GB.
 */

import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { crc32, createDeflateRaw, deflateRaw } from 'node:zlib';
import { CENTRAL, centralRecord, closing, dataDescriptor, type EntryFacts, localHeader } from './zip-records.ts';

export interface ZipEntry {
  /** Its path, levels separated by `/`. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** All of it, or a stream. */
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
}

const deflate = promisify<Uint8Array, { level: number }, Buffer>(deflateRaw);
/** Mail is mostly text or base64: more effort gains little. */
const LEVEL = 3;
/** Shorter than this it gains nothing. */
const WORTH_IT = 128;
const STORED = 0;
const DEFLATED = 8;
/** Lines of the directory are joined up to this many octets a chunk. */
const DIRECTORY_CHUNK = CENTRAL * 1000;

/** @param startsAt what stands before it in its file, in octets. */
export async function* zipOf(
  entries: Iterable<ZipEntry> | AsyncIterable<ZipEntry>,
  startsAt = 0,
): AsyncGenerator<Uint8Array> {
  const directory: Buffer[] = [];
  let position = startsAt;
  for await (const entry of entries) {
    const facts = { name: Buffer.from(entry.name), time: entry.time, position };
    const written = entry.content instanceof Uint8Array ? await whole(facts, entry.content) : undefined;
    if (written !== undefined) {
      yield* written.chunks;
      for (const chunk of written.chunks) position += chunk.length;
      directory.push(centralRecord(written.facts));
      continue;
    }
    const known = { ...facts, method: DEFLATED, streamed: true, crc: 0, packed: 0, size: 0 };
    const head = localHeader(known);
    yield head;
    position += head.length;
    for await (const chunk of packed(entry.content as AsyncIterable<Uint8Array>, known)) {
      yield chunk;
      position += chunk.length;
      known.packed += chunk.length;
    }
    const descriptor = dataDescriptor(known);
    yield descriptor;
    position += descriptor.length;
    directory.push(centralRecord(known));
  }
  yield* closed(directory, position);
}

async function whole(facts: Pick<EntryFacts, 'name' | 'time' | 'position'>, content: Uint8Array) {
  const small = content.length < WORTH_IT;
  const data = small ? content : await deflate(content, { level: LEVEL });
  const all: EntryFacts = {
    ...facts,
    method: small ? STORED : DEFLATED,
    streamed: false,
    crc: crc32(content),
    packed: data.length,
    size: content.length,
  };
  return { facts: all, chunks: [localHeader(all), data] };
}

async function* packed(
  content: AsyncIterable<Uint8Array>,
  facts: { crc: number; size: number },
): AsyncGenerator<Uint8Array> {
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      facts.crc = crc32(chunk, facts.crc);
      facts.size += chunk.length;
      yield chunk;
    }
  }
  const source = Readable.from(counted(), { objectMode: false });
  const out = createDeflateRaw({ level: LEVEL });
  source.once('error', (error) => out.destroy(error));
  try {
    for await (const chunk of source.pipe(out) as AsyncIterable<Buffer>) yield chunk;
  } finally {
    source.destroy();
    out.destroy();
  }
}

function* closed(directory: readonly Buffer[], position: number): Generator<Uint8Array> {
  let gathered: Buffer[] = [];
  let size = 0;
  let total = 0;
  for (const line of directory) {
    gathered.push(line);
    size += line.length;
    total += line.length;
    if (size < DIRECTORY_CHUNK) continue;
    yield Buffer.concat(gathered);
    gathered = [];
    size = 0;
  }
  yield Buffer.concat([...gathered, closing(directory.length, position, total)]);
}
