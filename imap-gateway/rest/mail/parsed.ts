/** A message as people read it: headers, text, and what is attached. */
import Type from 'typebox';
import { decodeText, textOfBinary } from '#mail/header/charset.ts';
import { decodeWords } from '#mail/header/encoded-word.ts';
import { splitFields, unfold } from '#mail/header/fields.ts';
import { bodyParts, fileParts, type ListedPart } from '#mail/mime/body-parts.ts';
import { textOfHtml } from '#mail/mime/html.ts';
import type { MessageRow } from '#store/store.ts';
import type { Access } from '#store/types.ts';
import type { Place } from './fragments.ts';
import type { Mail } from './mail.ts';
import { messageProperties, messageText, unchanging } from './message-json.ts';
import { collect, decoded, isDecoded, octetsOf, rangeOf, rowOf } from './reading.ts';
import { authenticationResults } from './results.ts';
import type { Standing } from './standing.ts';
import { contentIds } from './structure-ids.ts';

const Attachment = Type.Object(
  {
    path: Type.String({ description: 'As IMAP names the part: `/messages/{id}/parts/{path}`.' }),
    name: Type.Optional(Type.String()),
    type: Type.String(),
    size: Type.Integer({ description: 'Octets when decoded; of base64 about, as its length says.' }),
    contentId: Type.Optional(Type.String({ description: 'Without angle brackets: what `cid:` names.' })),
    disposition: Type.Optional(Type.String()),
    url: Type.String(),
  },
  { title: 'Attachment' },
);

export const ParsedMessage = Type.Object(
  {
    ...messageProperties,
    headers: Type.Array(Type.Object({ name: Type.String(), value: Type.String() }), {
      description: 'All of them in their order, unfolded and decoded.',
    }),
    text: Type.Union([Type.String(), Type.Null()], {
      description: 'Plain text; made from the HTML where there is no other.',
    }),
    textTruncated: Type.Optional(Type.Boolean({ description: 'There is more: read the part.' })),
    html: Type.Union([Type.String(), Type.Null()], {
      description: 'Where the HTML is, made safe to show; null where there is none.',
    }),
    attachments: Type.Array(Attachment),
    authentication: Type.Array(
      Type.Object({
        method: Type.String({ examples: ['dkim'] }),
        result: Type.String({ examples: ['pass'] }),
        properties: Type.Record(Type.String(), Type.String()),
      }),
      { description: 'What this peer has found out about where it comes from (RFC 8601).' },
    ),
  },
  { title: 'ParsedMessage' },
);

/** Octets of text in the JSON; the rest is to be had as a part. */
const TEXT_OCTETS = 524_288;
const HEADERS = 1_000;
const PARSED = { headers: true, parts: true, preview: true, bodystructure: true, rawHeader: true, content: true };

/** @param id our authserv-id. */
export async function parsedMessage(mail: Mail, access: Access, standing: Standing, id: string): Promise<string> {
  const key = `${access.owner} ${standing.message}`;
  let fixed = mail.parsed.get(key);
  if (fixed === undefined) {
    const place = standing.placements[0]!;
    const row = await rowOf(mail, access, place, PARSED);
    const text = await plainText(mail, access, place, row);
    const more = {
      ...unchanging(row),
      headers: headersOf(row.rawHeader!),
      ...text,
      html: htmlParts(row).length === 0 ? null : `/api/v1/messages/${row.message}/html`,
      attachments: attachmentsOf(row),
      // Only what was delivered has a prefix, and passed the MTA, which takes out what others wrote in our name. Imported mail may say anything.
      authentication: row.prefixLength > 0 ? authenticationResults(row.rawHeader!, id) : [],
    };
    fixed = JSON.stringify(more).slice(0, -1);
    mail.parsed.set(key, fixed, 200 + fixed.length);
  }
  return messageText(fixed, standing);
}

/** The parts that are shown as HTML, in their order: some programs put files between pieces of a text. None when no piece is HTML. */
export function htmlParts(row: Pick<MessageRow, 'parts'>): readonly ListedPart[] {
  const { html } = bodyParts(row.parts!);
  return html.some(({ node }) => node.type === 'text/html') ? html : [];
}

export function attachmentsOf(row: MessageRow) {
  const ids = contentIds(row.bodystructure!);
  return fileParts(row.parts!).map(({ path, node }) => {
    const contentId = ids.get(path);
    return {
      path,
      ...(node.filename !== undefined && { name: node.filename }),
      type: node.type,
      size: sizeOf(node),
      ...(contentId !== undefined && { contentId }),
      ...(node.disposition !== undefined && { disposition: node.disposition }),
      url: `/api/v1/messages/${row.message}/parts/${path}`,
    };
  });
}

function sizeOf(node: ListedPart['node']): number {
  const octets = node.bodyEnd - node.bodyStart;
  if (isDecoded(node) || node.encoding !== 'base64') return octets;
  // 57 octets a line of 76 characters and CRLF (RFC 2045 §6.8).
  return Math.round((octets * 57) / 78);
}

function headersOf(raw: Uint8Array): { name: string; value: string }[] {
  const binary = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('latin1');
  return splitFields(binary, { fields: HEADERS }).map(({ name, value }) => ({
    name,
    value: decodeWords(textOfBinary(unfold(value))).trim(),
  }));
}

async function plainText(mail: Mail, access: Access, place: Place, row: MessageRow) {
  const parts = bodyParts(row.parts!).text.filter(({ node }) => node.type.startsWith('text/'));
  if (parts.length === 0) return { text: null };
  const texts: string[] = [];
  let left = TEXT_OCTETS;
  let truncated = false;
  for (const { node } of parts) {
    const range = rangeOf(node, row.prefixLength);
    const { bytes, whole } = await collect(decoded(source(mail, access, place, row, range), node), left);
    const text = decodeText(bytes, node.charset);
    texts.push(node.type === 'text/html' ? textOfHtml(text).trim() : text.replaceAll('\r\n', '\n'));
    left -= bytes.length;
    truncated = !whole;
    if (truncated) break;
  }
  return { text: texts.join('\n'), ...(truncated && { textTruncated: true }) };
}

async function* source(
  mail: Mail,
  access: Access,
  place: Place,
  { content }: MessageRow,
  range: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  if (content !== undefined) yield content.subarray(range.start, range.end);
  else yield* octetsOf(mail, access, place, range);
}
