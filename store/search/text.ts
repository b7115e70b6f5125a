/** The decoded text of a message as searches see it: its header fields, and the text parts of its body with the headers of messages within. */
import { decodeText, textOfBinary } from '#mail/header/charset.ts';
import { decodeWords } from '#mail/header/encoded-word.ts';
import { splitFields, unfold } from '#mail/header/fields.ts';
import type { PartNode } from '#mail/mime/message-index.ts';
import type { Candidate } from './decide.ts';
import { fold } from './fold.ts';

export function searchableFields(rawHeader: Uint8Array): NonNullable<Candidate['fields']> {
  return splitFields(binary(rawHeader)).map((field) => {
    const value = decodeWords(textOfBinary(unfold(field.value)));
    return { name: field.name.toLowerCase(), value: fold(value), line: fold(`${field.name}: ${value}`) };
  });
}

/** Reads octets [start, end) of the body. */
export type ReadBody = (start: number, end: number) => Promise<Uint8Array>;

export async function searchableText(root: PartNode, read: ReadBody): Promise<readonly string[]> {
  const texts: string[] = [];
  const pending = [root];
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    pending.push(...part.children.toReversed());
    if (part !== root && part.headerStart < part.bodyStart) {
      const header = searchableFields(await read(part.headerStart, part.bodyStart));
      texts.push(header.map((field) => field.line).join('\n'));
    }
    if (part.children.length === 0 && isText(part.type)) {
      const octets = decodeTransfer(await read(part.bodyStart, part.bodyEnd), part.encoding);
      texts.push(fold(decodeText(octets, part.charset)));
    }
  }
  return texts;
}

const isText = (type: string): boolean => type.startsWith('text/') || type === 'message/delivery-status';

const binary = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

function decodeTransfer(bytes: Uint8Array, encoding: string): Uint8Array {
  if (encoding === 'base64') return Buffer.from(binary(bytes), 'base64');
  if (encoding !== 'quoted-printable') return bytes;
  const text = binary(bytes)
    .replace(/[ \t]*=?[ \t]*\r?\n/g, (end) => (end.includes('=') ? '' : '\r\n'))
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(text, 'latin1');
}
