/** The decoded text of a message as searches see it, read part by part: of a large message only what is text. */
import { textOfBinary } from '#mail/header/charset.ts';
import { decodeWords } from '#mail/header/encoded-word.ts';
import { splitFields, unfold } from '#mail/header/fields.ts';
import type { PartNode } from '#mail/mime/message-index.ts';
import { decodedHeader, partText, TEXT_LIMITS } from '#mail/mime/text.ts';
import type { Candidate } from './decide.ts';
import { fold } from './fold.ts';

export function searchableFields(rawHeader: Uint8Array): NonNullable<Candidate['fields']> {
  const binary = Buffer.from(rawHeader.buffer, rawHeader.byteOffset, rawHeader.byteLength).toString('latin1');
  return splitFields(binary).map((field) => {
    const value = decodeWords(textOfBinary(unfold(field.value)));
    return { name: field.name.toLowerCase(), value: fold(value), line: fold(`${field.name}: ${value}`) };
  });
}

/** Folded file names of all parts, those of embedded messages included. */
export function filenames(root: PartNode): string[] {
  const own = root.filename === undefined ? [] : [fold(root.filename)];
  return [...own, ...root.children.flatMap(filenames)];
}

/** Reads octets [start, end) of the body. */
export type ReadBody = (start: number, end: number) => Promise<Uint8Array>;

/** Text parts, and the headers of all parts but the root (RFC 9051 §6.4.4: BODY leaves out the message's own header). */
export async function searchableText(root: PartNode, read: ReadBody): Promise<readonly string[]> {
  const texts: string[] = [];
  const pending = [root];
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    pending.push(...part.children.toReversed());
    if (part !== root && part.headerStart < part.bodyStart) {
      texts.push(fold(decodedHeader(await read(part.headerStart, part.bodyStart))));
    }
    if (part.children.length === 0 && part.type.startsWith('text/')) {
      const end = Math.min(part.bodyEnd, part.bodyStart + TEXT_LIMITS.partOctets);
      texts.push(fold(partText(await read(part.bodyStart, end), part)));
    }
  }
  return texts;
}
