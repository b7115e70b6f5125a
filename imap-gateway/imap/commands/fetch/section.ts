/** BODY[…] and its older names RFC822, RFC822.HEADER, RFC822.TEXT (RFC 9051 §6.4.5, §7.5.2). */
import type { PartNode } from '#mail/mime/message-index.ts';
import { type ByteRange, resolveSection } from '#mail/mime/section.ts';
import type { MessageRow } from '#store/store.ts';
import type { FetchItem } from '../../grammar/fetch.ts';
import type { SectionSpec } from '../../grammar/section.ts';
import { formatAstring } from '../../response/strings.ts';
import type { FetchWriter } from './fetch-writer.ts';
import { selectFields } from './header-fields.ts';
import { type ContentSource, collect, inMemory, partialOf, partsOf, streamOf } from './message-content.ts';
import { isRootHeader, isWhole, sectionOf } from './plan.ts';

type SectionItem = Extract<FetchItem, { item: 'SECTION' | 'RFC822' }>;

/** Answers a promise only where octets have to be waited for. */
export function writeSection(
  item: SectionItem,
  row: MessageRow,
  source: ContentSource,
  writer: FetchWriter,
): Promise<void> | undefined {
  const label = labelOf(item);
  const range = rangeOf(item.section, row);
  if (range === undefined) {
    writer.item(`${label} NIL`);
    return undefined;
  }
  const partial = item.item === 'SECTION' ? item.partial : undefined;
  if (item.section.fields !== undefined) return writeFields(item, row, source, writer);
  const asked = partialOf(range, partial);
  const here = inMemory(row, asked);
  if (here === undefined) return writeStream(label, asked, row, source, writer);
  writer.octets(label, here, hasNul(here));
  return undefined;
}

async function writeFields(
  item: SectionItem,
  row: MessageRow,
  source: ContentSource,
  writer: FetchWriter,
): Promise<void> {
  const { fields = [], text } = item.section;
  const header = await collect(source, row, rangeOf(item.section, row)!);
  const bytes = selectFields(header, fields, text === 'HEADER.FIELDS.NOT');
  const { start, end } = partialOf({ start: 0, end: bytes.length }, item.item === 'SECTION' ? item.partial : undefined);
  const part = bytes.subarray(start, end);
  writer.octets(labelOf(item), part, hasNul(part));
}

async function writeStream(
  label: string,
  asked: ByteRange,
  row: MessageRow,
  source: ContentSource,
  writer: FetchWriter,
): Promise<void> {
  const binary = await streamHasNul(source, row, asked);
  await writer.stream(label, asked.end - asked.start, streamOf(source, row, asked), binary);
}

/**
 * RFC 9051 §4.3.1: no NUL in a literal. Only BINARYMIME and APPEND of a literal8 bring any, and they stand in a literal8 here too: the
 * octets, sizes and structure stay what they are, which no encoding made up on the way would.
 */
function hasNul(bytes: Uint8Array): boolean {
  // A Buffer looks for it thirty times as fast.
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(0);
}

/** Large content is read twice only where a part says that it is binary. */
async function streamHasNul(source: ContentSource, row: MessageRow, range: ByteRange): Promise<boolean> {
  const parts = row.parts ?? (await partsOf(source, row));
  if (parts === undefined || !hasBinaryPart(parts)) return false;
  for await (const chunk of streamOf(source, row, range)) if (hasNul(chunk)) return true;
  return false;
}

const hasBinaryPart = (part: PartNode): boolean => part.encoding === 'binary' || part.children.some(hasBinaryPart);

function rangeOf(section: SectionSpec, row: MessageRow): ByteRange | undefined {
  if (isWhole(section)) return { start: 0, end: row.size };
  if (isRootHeader(section) && row.rawHeader !== undefined) return { start: 0, end: row.rawHeader.length };
  return row.parts && resolveSection(row.parts, sectionOf(section), row.prefixLength);
}

/** The answer repeats the section as it was asked, and of a partial only where it starts (§7.5.2). */
function labelOf(item: SectionItem): string {
  if (item.item === 'RFC822') return item.name;
  return `BODY[${formatSection(item.section)}]${item.partial === undefined ? '' : `<${item.partial.offset}>`}`;
}

export function formatSection(section: SectionSpec): string {
  const { part, text, fields } = section;
  const words = text === undefined ? [...part] : [...part, text];
  const head = words.join('.');
  return fields === undefined ? head : `${head} (${fields.map((name) => formatAstring(name, false)).join(' ')})`;
}
