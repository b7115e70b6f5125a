/** A message's octets, or those of one of its parts, to be downloaded. */
import { type ByteRange, findPart } from '#mail/mime/section.ts';
import type { MessageRow } from '#store/store.ts';
import type { Access } from '#store/types.ts';
import { HttpProblem } from '../problems.ts';
import type { Place } from './fragments.ts';
import type { Mail } from './mail.ts';
import { decoded, isDecoded, octetsOf, rangeOf } from './reading.ts';
import { cut, downloadHeaders, type Served } from './serve.ts';

const fileName = (row: MessageRow, type: string): string =>
  type === 'message/rfc822' || type === 'message/global' ? `${row.headers?.subject || 'message'}.eml` : 'part';

export function wholeMessage(mail: Mail, access: Access, place: Place, row: MessageRow): Served {
  return {
    type: 'message/rfc822',
    tag: `"${row.message}"`,
    cheapLength: true,
    length: async () => row.size,
    read: (start, end) => octetsOf(mail, access, place, { start, end }),
    headers: downloadHeaders(fileName(row, 'message/rfc822')),
  };
}

/** @throws HttpProblem 404. */
export function partOf(mail: Mail, access: Access, place: Place, row: MessageRow, path: string): Served {
  const node = findPart(row.parts!, path.split('.').map(Number));
  if (node === undefined) throw new HttpProblem('not-found', 'The message has no such part');
  const range = rangeOf(node, row.prefixLength);
  const plain = isDecoded(node);
  const all = (wanted: ByteRange): AsyncIterable<Uint8Array> => octetsOf(mail, access, place, wanted);
  return {
    type: typeOf(node),
    tag: `"${row.message}.${path}"`,
    cheapLength: plain,
    async length() {
      if (plain) return range.end - range.start;
      let length = 0;
      for await (const chunk of decoded(all(range), node)) length += chunk.length;
      return length;
    },
    read(start, end) {
      if (!plain) return cut(decoded(all(range), node), start, end);
      return all({ start: range.start + start, end: Math.min(range.end, range.start + end) });
    },
    headers: downloadHeaders(node.filename ?? fileName(row, node.type)),
  };
}

/** As the message says, if it can stand in a header. */
function typeOf({ type, charset }: { readonly type: string; readonly charset?: string }): string {
  const plain = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/.test(type) ? type : 'application/octet-stream';
  return charset !== undefined && /^[A-Za-z0-9_.:-]{1,60}$/.test(charset) ? `${plain}; charset=${charset}` : plain;
}
