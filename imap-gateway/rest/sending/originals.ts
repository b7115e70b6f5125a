/** Messages of the account that others refer to: answered, forwarded, attached. */
import { MailError } from '#mail/failure.ts';
import { decodeText } from '#mail/header/charset.ts';
import { bodyParts, fileParts, type ListedPart } from '#mail/mime/body-parts.ts';
import { decodeTransfer, decodingOf } from '#mail/mime/decode.ts';
import type { IndexedHeaders, PartNode } from '#mail/mime/message-index.ts';
import { findPart } from '#mail/mime/section.ts';
import { partText } from '#mail/mime/text.ts';
import type { Columns, MailStore, MessageRow } from '#store/store.ts';
import type { Access, MailboxId, MessageId } from '#store/types.ts';
import { single } from '#store/uid-set.ts';
import { contentIds } from '../mail/structure-ids.ts';
import type { Attachment } from './compose.ts';
import type { Original } from './quote.ts';
import { CONTENT_ID } from './schemas.ts';

export interface Located {
  readonly mailbox: MailboxId;
  readonly row: MessageRow;
}

/** A message by its id, wherever it is. @throws MailError `no-such-message`. */
export async function locate(store: MailStore, access: Access, id: MessageId, columns: Columns): Promise<Located> {
  for (const { mailbox, uid } of await store.placements(access, [id])) {
    for await (const [row] of store.messages(access, mailbox, single(uid), columns)) {
      if (row !== undefined) return { mailbox, row };
    }
  }
  throw new MailError('no-such-message', `There is no message ${id}`);
}

/** Octets [start, end) of prefix and body. */
export async function octets(
  store: MailStore,
  access: Access,
  { mailbox, row }: Located,
  start = 0,
  end = row.size,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.content(access, mailbox, row.uid, start, end)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** More of a text than anybody quotes. */
const QUOTED_OCTETS = 1_000_000;

export interface ReferredMessage extends Original {
  readonly headers: IndexedHeaders;
  readonly located: Located;
  readonly attachments: readonly ReferredPart[];
}

export interface ReferredPart extends ListedPart {
  /** By which HTML may name it (RFC 2392); absent where it could not stand in a header of ours. */
  readonly contentId: string | undefined;
}

export async function loadOriginal(store: MailStore, access: Access, id: MessageId): Promise<ReferredMessage> {
  const located = await locate(store, access, id, { headers: true, parts: true, bodystructure: true });
  const { headers, parts, bodystructure } = located.row;
  if (headers === undefined || parts === undefined || bodystructure === undefined)
    throw new MailError('unavailable', 'The message can not be read');
  const lists = bodyParts(parts);
  const ids = contentIds(bodystructure);
  const plain = lists.text.filter(({ node }) => node.type.startsWith('text/'));
  const texts: string[] = [];
  for (const { node } of plain)
    texts.push(partText(await partOctets(store, access, located, node, QUOTED_OCTETS), node));
  const html = lists.html.find(({ node }) => node.type === 'text/html');
  return {
    headers,
    located,
    attachments: fileParts(parts).map((part) => ({ ...part, contentId: safeId(ids.get(part.path)) })),
    text: texts.join('\n'),
    html: html && (await htmlOf(store, access, located, html.node)),
  };
}

const safeId = (id: string | undefined): string | undefined =>
  id !== undefined && CONTENT_ID.test(id) ? id : undefined;

async function htmlOf(store: MailStore, access: Access, located: Located, node: PartNode): Promise<string | undefined> {
  const decoding = decodingOf(node.encoding);
  // Cut off, HTML is no HTML.
  if (decoding === undefined || node.bodyEnd - node.bodyStart > QUOTED_OCTETS) return undefined;
  return decodeText(decodeTransfer(await partOctets(store, access, located, node), decoding), node.charset);
}

function partOctets(
  store: MailStore,
  access: Access,
  located: Located,
  { bodyStart, bodyEnd }: PartNode,
  most = Number.POSITIVE_INFINITY,
): Promise<Buffer> {
  const prefix = located.row.prefixLength;
  return octets(store, access, located, prefix + bodyStart, prefix + Math.min(bodyEnd, bodyStart + most));
}

/** A whole message, as an attachment. */
export async function messageAttachment(store: MailStore, access: Access, id: MessageId): Promise<Attachment> {
  const located = await locate(store, access, id, { headers: true });
  const name = `${(located.row.headers?.subject || 'message').slice(0, 100)}.eml`;
  // Our own trace fields in front stay here: they tell who got it.
  const content = await octets(store, access, located, located.row.prefixLength);
  return { name, type: 'message/rfc822', content, disposition: 'attachment', contentId: undefined };
}

/** One part of a message, decoded. @throws MailError `no-such-message`. */
export async function partAttachment(
  store: MailStore,
  access: Access,
  id: MessageId,
  path: string,
): Promise<Attachment> {
  const located = await locate(store, access, id, { parts: true });
  const root = located.row.parts;
  const node = root && findPart(root, path.split('.').map(Number));
  if (node === undefined) throw new MailError('no-such-message', `The message ${id} has no part ${path}`);
  return await attachmentOf(store, access, located, node);
}

/** As it is in the message. A part of an unknown encoding stays as it is written. */
export async function attachmentOf(
  store: MailStore,
  access: Access,
  located: Located,
  node: PartNode,
): Promise<Attachment> {
  const written = await partOctets(store, access, located, node);
  const decoding = decodingOf(node.encoding);
  const parameters = node.charset === undefined ? '' : `; charset=${node.charset.replace(/[^\w.:-]/g, '')}`;
  return {
    name: node.filename,
    type: `${node.type}${node.type.startsWith('text/') ? parameters : ''}`,
    content: decoding === undefined ? written : decodeTransfer(written, decoding),
    disposition: node.disposition === 'inline' ? 'inline' : 'attachment',
    contentId: undefined,
  };
}
