/** BINARY and BINARY.SIZE (RFC 9051 §6.4.5, RFC 3516): a part without its Content-Transfer-Encoding. */
import { MailError } from '#mail/failure.ts';
import { type Decoding, decodeTransfer, decodingOf, transferDecoder } from '#mail/mime/decode.ts';
import type { PartNode } from '#mail/mime/message-index.ts';
import { type ByteRange, findPart, resolveSection } from '#mail/mime/section.ts';
import type { MessageRow } from '#store/store.ts';
import type { FetchItem } from '../../grammar/fetch.ts';
import type { FetchWriter } from './fetch-writer.ts';
import { type ContentSource, inMemory, partialOf, streamOf } from './message-content.ts';

type BinaryItem = Extract<FetchItem, { item: 'BINARY' }>;
type BinarySizeItem = Extract<FetchItem, { item: 'BINARY.SIZE' }>;

/** The encoding is unknown; the tagged answer is `NO [UNKNOWN-CTE]` (RFC 3516 §4.3). */
export class UnknownEncoding extends MailError {
  constructor() {
    super('unsupported', 'The part has an unknown content transfer encoding');
    this.name = 'UnknownEncoding';
  }
}

interface Encoded {
  readonly range: ByteRange;
  readonly decoding: Decoding;
}

export async function writeBinary(
  item: BinaryItem,
  row: MessageRow,
  source: ContentSource,
  writer: FetchWriter,
): Promise<void> {
  const label = `BINARY[${item.part.join('.')}]${item.partial === undefined ? '' : `<${item.partial.offset}>`}`;
  const part = locate(row, item.part);
  if (part === undefined) {
    writer.item(`${label} NIL`);
    return;
  }
  const encoded = inMemory(row, part.range);
  if (encoded !== undefined) {
    const all = decodeTransfer(encoded, part.decoding);
    const { start, end } = partialOf({ start: 0, end: all.length }, item.partial);
    const bytes = all.subarray(start, end);
    writer.octets(label, bytes, hasNul(bytes));
    return;
  }
  // Too large to hold: read once to count, and once more to send.
  const size = await decodedSize(row, source, part);
  const { start, end } = partialOf({ start: 0, end: size }, item.partial);
  await writer.stream(label, end - start, cut(decoded(row, source, part), start, end), true);
}

export async function writeBinarySize(
  item: BinarySizeItem,
  row: MessageRow,
  source: ContentSource,
  writer: FetchWriter,
): Promise<void> {
  const part = locate(row, item.part);
  const encoded = part && inMemory(row, part.range);
  let size = 0;
  if (encoded !== undefined) size = decodeTransfer(encoded, part!.decoding).length;
  else if (part !== undefined) size = await decodedSize(row, source, part);
  writer.item(`BINARY.SIZE[${item.part.join('.')}] ${size}`);
}

function locate(row: MessageRow, path: readonly number[]): Encoded | undefined {
  const root = row.parts;
  if (root === undefined) return undefined;
  const range = resolveSection(root, { path, kind: 'body' }, row.prefixLength);
  if (range === undefined) return undefined;
  const decoding = path.length === 0 ? 'identity' : decodingFor(findPart(root, path));
  return { range, decoding };
}

/**
 * A composite part's encoding says nothing about its octets: its leaves have their own (RFC 2045 §6.4). But a message that was encoded all the same
 * (RFC 2046 §5.2.1 forbids it) has not been opened: its octets are the encoded ones.
 */
function decodingFor(part: PartNode | undefined): Decoding {
  if (part === undefined || part.type.startsWith('multipart/')) return 'identity';
  const decoding = decodingOf(part.encoding) ?? (part.children.length > 0 ? 'identity' : undefined);
  if (decoding === undefined) throw new UnknownEncoding();
  return decoding;
}

async function decodedSize(row: MessageRow, source: ContentSource, part: Encoded): Promise<number> {
  if (part.decoding === 'identity') return part.range.end - part.range.start;
  let size = 0;
  for await (const chunk of decoded(row, source, part)) size += chunk.length;
  return size;
}

async function* decoded(row: MessageRow, source: ContentSource, part: Encoded): AsyncIterable<Uint8Array> {
  const decoder = transferDecoder(part.decoding);
  for await (const chunk of streamOf(source, row, part.range)) yield decoder.push(chunk);
  yield decoder.finish();
}

/** Octets [start, end) of a stream. */
async function* cut(chunks: AsyncIterable<Uint8Array>, start: number, end: number): AsyncIterable<Uint8Array> {
  let at = 0;
  for await (const chunk of chunks) {
    const from = Math.max(0, start - at);
    const to = Math.min(chunk.length, end - at);
    if (from < to) yield chunk.subarray(from, to);
    at += chunk.length;
    if (at >= end) return;
  }
}

/** RFC 3516 §4.2: a literal8 only where NUL makes it necessary, since some clients know no other literals. */
const hasNul = (bytes: Uint8Array): boolean => bytes.includes(0);
