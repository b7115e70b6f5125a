/**
 * The HTML of a message as a document of its own. What makes it safe is the answer's Content-Security-Policy: it is sandboxed (no scripts, no forms, an
 * origin of its own) and nothing is loaded from anywhere; a filter would be the wall that falls. The same policy stands in the document, for those who save it.
 */
import { decodeText } from '#mail/header/charset.ts';
import { fileParts } from '#mail/mime/body-parts.ts';
import { findPart } from '#mail/mime/section.ts';
import type { MessageRow } from '#store/store.ts';
import type { Access } from '#store/types.ts';
import type { Place } from './fragments.ts';
import type { Mail } from './mail.ts';
import { CID, idOf, namedIds } from './named-ids.ts';
import { htmlParts } from './parsed.ts';
import { collect, decoded, octetsOf, rangeOf } from './reading.ts';
import { contentIds } from './structure-ids.ts';

const HTML_OCTETS = 4 * 1024 * 1024;
/** Of the texts that are shown one after the other. */
const PIECES = 100;
/** Of all pictures within the document. */
const IMAGE_OCTETS = 6 * 1024 * 1024;
/** Of all data: URLs in the document: it may name one picture a million times. */
const SHOWN_OCTETS = 16 * 1024 * 1024;

function loads(remote: boolean): string {
  const from = remote ? ' https: http:' : '';
  return `default-src 'none'; img-src data:${from}; style-src 'unsafe-inline'${from}; font-src data:${from}${remote ? '; media-src https: http:' : ''}`;
}

/** @param remote pictures and styles may be loaded from where they are, which tells the sender that it was read. */
export function htmlHeaders(remote: boolean): Record<string, string> {
  return {
    'content-security-policy': `sandbox allow-popups allow-popups-to-escape-sandbox; ${loads(remote)}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'`,
    'x-dns-prefetch-control': 'off',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'private, no-cache',
  };
}

/** `undefined` when the message has no HTML. */
export async function htmlOf(
  mail: Mail,
  access: Access,
  place: Place,
  row: MessageRow,
  remote: boolean,
): Promise<string | undefined> {
  const parts = htmlParts(row).slice(0, PIECES);
  if (parts.length === 0) return undefined;
  const pieces: string[] = [];
  let left = HTML_OCTETS;
  for (const { node } of parts) {
    // Pictures among the texts are listed with the attachments.
    if (!node.type.startsWith('text/')) continue;
    const octets = decoded(octetsOf(mail, access, place, rangeOf(node, row.prefixLength)), node);
    const { bytes, whole } = await collect(octets, left);
    left -= bytes.length;
    const text = decodeText(bytes, node.charset);
    pieces.push(node.type === 'text/html' ? text : plainPiece(text), ...(whole ? [] : ['\n<hr>…']));
    if (!whole) break;
  }
  const html = pieces.join('\n');
  const images = await imagesOf(mail, access, place, row, html);
  left = SHOWN_OCTETS;
  const shown = html.replace(CID, (all, id: string) => {
    const image = images.get(idOf(id));
    if (image === undefined || image.length > left) return all;
    left -= image.length;
    return image;
  });
  return documentOf(shown, remote);
}

function plainPiece(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<div style="white-space: pre-wrap">${escaped}</div>`;
}

/** Behind the doctype, which decides how the rest is laid out. */
export function documentOf(html: string, remote: boolean): string {
  const doctype = /^\s*<!doctype[^>]*>/i.exec(html)?.[0] ?? '';
  const policy = `<meta http-equiv="Content-Security-Policy" content="${loads(remote)}; form-action 'none'">`;
  return `${doctype}<meta charset="utf-8">${policy}<base target="_blank">${html.slice(doctype.length)}`;
}

/** The pictures that the HTML names, as data: URLs by their Content-IDs. */
async function imagesOf(
  mail: Mail,
  access: Access,
  place: Place,
  row: MessageRow,
  html: string,
): Promise<ReadonlyMap<string, string>> {
  const wanted = namedIds(html);
  const images = new Map<string, string>();
  if (wanted.size === 0) return images;
  const listed = new Set(fileParts(row.parts!).map(({ path }) => path));
  let left = IMAGE_OCTETS;
  for (const [path, id] of contentIds(row.bodystructure!)) {
    const node = findPart(row.parts!, path.split('.').map(Number));
    if (!wanted.has(id) || images.has(id) || !listed.has(path) || !/^image\/[a-z0-9.+-]{1,60}$/.test(node?.type ?? ''))
      continue;
    const octets = decoded(octetsOf(mail, access, place, rangeOf(node!, row.prefixLength)), node!);
    const { bytes, whole } = await collect(octets, left);
    if (!whole) continue;
    left -= bytes.length;
    images.set(id, `data:${node!.type};base64,${bytes.toString('base64')}`);
  }
  return images;
}
