/** The octets of one message, from what the row brought along if they are there, else from the store. */
import type { ByteRange } from '#mail/mime/section.ts';
import type { MailStore, MessageRow } from '#store/store.ts';
import type { Access, MailboxId } from '#store/types.ts';

/** Where a message's octets come from. */
export interface ContentSource {
  readonly store: Pick<MailStore, 'content' | 'messages'>;
  readonly access: Access;
  readonly mailbox: MailboxId;
}

/** The range if it is in memory. */
export function inMemory(row: MessageRow, range: ByteRange): Uint8Array | undefined {
  if (row.content !== undefined) return row.content.subarray(range.start, range.end);
  if (row.rawHeader !== undefined && range.end <= row.rawHeader.length) {
    return row.rawHeader.subarray(range.start, range.end);
  }
  return undefined;
}

export function streamOf(source: ContentSource, row: MessageRow, range: ByteRange): AsyncIterable<Uint8Array> {
  return source.store.content(source.access, source.mailbox, row.uid, range.start, range.end);
}

/** The part tree of a row that came without. */
export async function partsOf(source: ContentSource, row: MessageRow): Promise<MessageRow['parts']> {
  const { store, access, mailbox } = source;
  for await (const rows of store.messages(access, mailbox, [[row.uid, row.uid]], { parts: true }, { expunged: true }))
    return rows[0]?.parts;
  return undefined;
}

/** The range in memory whatever it takes: for headers, which the limits of the index keep small. */
export async function collect(source: ContentSource, row: MessageRow, range: ByteRange): Promise<Uint8Array> {
  const here = inMemory(row, range);
  if (here !== undefined) return here;
  const chunks: Uint8Array[] = [];
  for await (const chunk of streamOf(source, row, range)) chunks.push(chunk);
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
}

/** `<offset.length>` of a range: past the end it is empty (RFC 9051 §6.4.5). */
export function partialOf(range: ByteRange, partial: { offset: number; length: number } | undefined): ByteRange {
  if (partial === undefined) return range;
  const start = Math.min(range.start + partial.offset, range.end);
  return { start, end: Math.min(start + partial.length, range.end) };
}
