/** Octets and rows of one message, wherever it is. */
import { MailError } from '#mail/failure.ts';
import { decodingOf, transferDecoder } from '#mail/mime/decode.ts';
import type { PartNode } from '#mail/mime/message-index.ts';
import type { ByteRange } from '#mail/mime/section.ts';
import type { Columns, MessageRow } from '#store/store.ts';
import type { Access } from '#store/types.ts';
import type { Place } from './fragments.ts';
import type { Mail } from './mail.ts';

/** Throws `no-such-message`, or `unavailable` for a damaged one. */
export async function rowOf(mail: Mail, access: Access, place: Place, columns: Columns): Promise<MessageRow> {
  const uids = [[place.uid, place.uid]] as const;
  for await (const [row] of mail.store.messages(access, place.mailbox, uids, columns, { expunged: true })) {
    if (row !== undefined) return row;
  }
  throw new MailError('no-such-message', 'There is no such message');
}

/** Octets of prefix + body. */
export function octetsOf(
  mail: Mail,
  access: Access,
  place: Place,
  { start, end }: ByteRange,
): AsyncIterable<Uint8Array> {
  return mail.store.content(access, place.mailbox, place.uid, start, end);
}

/** The octets of a part's body as it is encoded. */
export const rangeOf = (node: PartNode, prefixLength: number): ByteRange => ({
  start: node.bodyStart + prefixLength,
  end: node.bodyEnd + prefixLength,
});

/** What is encoded in a way that nobody knows is given as it is. A multipart's encoding says nothing of its octets (RFC 2045 §6.4). */
export function isDecoded(node: PartNode): boolean {
  return node.type.startsWith('multipart/') || (decodingOf(node.encoding) ?? 'identity') === 'identity';
}

/** A part without its transfer encoding. */
export async function* decoded(chunks: AsyncIterable<Uint8Array>, node: PartNode): AsyncGenerator<Uint8Array> {
  if (isDecoded(node)) {
    yield* chunks;
    return;
  }
  const decoder = transferDecoder(decodingOf(node.encoding)!);
  for await (const chunk of chunks) yield decoder.push(chunk);
  yield decoder.finish();
}

/** At most so many octets, and whether that was all. */
export async function collect(
  chunks: AsyncIterable<Uint8Array>,
  most: number,
): Promise<{ bytes: Buffer; whole: boolean }> {
  const out: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    out.push(chunk);
    length += chunk.length;
    if (length > most) return { bytes: Buffer.concat(out).subarray(0, most), whole: false };
  }
  return { bytes: Buffer.concat(out), whole: true };
}
