/** An archive as it is read: its manifest, then entries, each checked; at the end the checksum over all. */
import { Readable } from 'node:stream';
import { crc32, createGunzip, createZstdDecompress } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import { END, type End, MANIFEST, type Manifest, MOST_JSON, parseJson, parseManifest, RECORDS } from './manifest.ts';
import { type MessageFacts, parseMessageEntry } from './message-entry.ts';
import { readTar, type TarEntry } from './tar-reader.ts';

export type ArchiveItem =
  | { readonly type: 'manifest'; readonly manifest: Manifest }
  | { readonly type: 'record'; readonly kind: string; readonly id: string; readonly value: string }
  | {
      readonly type: 'message';
      readonly facts: MessageFacts;
      readonly size: number;
      /** Absent where it is a message that came before. */
      readonly content?: AsyncIterable<Uint8Array>;
    }
  /** Everything before is as it was written. */
  | { readonly type: 'end'; readonly end: End };

/** @throws MailError `bad-request` for what is no archive, is damaged or cut short; `unsupported` for one of a newer version. */
export async function* readArchive(source: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveItem> {
  const seen = { messages: 0, octets: 0 };
  let manifest: Manifest | undefined;
  let ended = false;
  for await (const entry of readTar(await unpacked(source), END)) {
    if (manifest === undefined) {
      if (entry.name !== MANIFEST) throw new MailError('bad-request', 'this is no archive of an account');
      manifest = parseManifest(await textOf(entry));
      yield { type: 'manifest', manifest };
    } else if (entry.name === END) {
      const end = parseJson(await textOf(entry)) as End;
      yield { type: 'end', end: checkEnd(end, seen, entry.digest) };
      ended = true;
    } else if (entry.name.startsWith(RECORDS)) {
      yield { type: 'record', ...(await recordOf(entry)) };
    } else {
      const facts = parseMessageEntry(entry);
      const { size, link, content } = entry;
      yield link === undefined ? { type: 'message', facts, size, content } : { type: 'message', facts, size };
      seen.messages += 1;
      seen.octets += size;
    }
  }
  if (!ended) throw new MailError('bad-request', 'the archive is damaged: it is cut short');
}

function checkEnd(end: End, seen: { messages: number }, sha256: string | undefined): End {
  if (end.sha256 !== sha256) throw new MailError('bad-request', 'the archive is damaged: its checksum does not match');
  if (end.messages !== seen.messages)
    throw new MailError('bad-request', 'the archive is damaged: messages are missing');
  return end;
}

async function recordOf(entry: TarEntry): Promise<{ kind: string; id: string; value: string }> {
  const [, kind = '', id = ''] = /^records\/([^/]+)\/([^/]+)\.json$/.exec(entry.name) ?? [];
  const { value } = parseJson(await textOf(entry)) as { value?: unknown };
  if (typeof value !== 'string') throw new MailError('bad-request', 'the archive is damaged: a record is not whole');
  return { kind, id, value };
}

async function textOf(entry: TarEntry): Promise<string> {
  if (entry.size > MOST_JSON) throw new MailError('bad-request', 'this is no archive of an account');
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry.content) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Reads through, whole messages too, without keeping anything. @throws as `readArchive`. */
export async function verifyArchive(source: AsyncIterable<Uint8Array>): Promise<{ manifest: Manifest; end: End }> {
  let manifest: Manifest | undefined;
  let end: End | undefined;
  for await (const item of readArchive(source)) {
    if (item.type === 'manifest') manifest = item.manifest;
    else if (item.type === 'end') end = item.end;
    else if (item.type === 'message' && item.content !== undefined) {
      let crc = 0;
      for await (const chunk of item.content) crc = crc32(chunk, crc);
      if (crc !== item.facts.crc) {
        throw new MailError('bad-request', `the archive is damaged: message ${item.facts.message} is not what it was`);
      }
    }
  }
  return { manifest: manifest!, end: end! };
}

/** gzip and zstd are told by how they begin. */
async function unpacked(source: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < 4) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield head;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.(undefined);
    }
  }
  const isGzip = head[0] === 0x1f && head[1] === 0x8b;
  const isZstd = head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528;
  if (!isGzip && !isZstd) return all();
  return inflated(all(), isGzip ? createGunzip() : createZstdDecompress());
}

async function* inflated(
  source: AsyncIterable<Uint8Array>,
  through: ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>,
): AsyncGenerator<Uint8Array> {
  const input = Readable.from(source, { objectMode: false });
  input.once('error', (error) => through.destroy(error));
  try {
    for await (const chunk of input.pipe(through) as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    throw new MailError('bad-request', 'the archive is damaged: it can not be unpacked', { cause: error });
  } finally {
    input.destroy();
    through.destroy();
  }
}
