/**
 * What of a message is its text, its HTML, and its attachments (RFC 8621 §4.1.4), told from the part tree alone: for JSON, for `has:attachment`
 * and for lists.
 */
import type { PartNode } from './message-index.ts';

export interface ListedPart {
  /** As IMAP names it: `1.2` (RFC 9051 §6.4.5.1). */
  readonly path: string;
  readonly node: PartNode;
  /** Belongs to another part that shows it: an image within multipart/related. */
  readonly related: boolean;
}

export interface BodyParts {
  /** What to show to somebody who reads plain text, in order; HTML stands here where there is nothing else. */
  readonly text: readonly ListedPart[];
  readonly html: readonly ListedPart[];
  /** Everything else; an embedded message is one attachment. */
  readonly attachments: readonly ListedPart[];
}

/** What is collected on the way; a list that is closed takes nothing of this branch. */
interface Lists {
  text: ListedPart[] | undefined;
  html: ListedPart[] | undefined;
  readonly attachments: ListedPart[];
}

export function bodyParts(root: PartNode): BodyParts {
  const lists = { text: [] as ListedPart[], html: [] as ListedPart[], attachments: [] as ListedPart[] };
  if (isMultipart(root)) collect(root, '', false, lists);
  else take({ path: '1', node: root, related: false }, { first: true, kind: 'mixed', alternative: false }, lists);
  return lists;
}

/**
 * What people look for as files where one text is shown, and nothing between its pieces: the attachments, and the pictures, sounds and films that stand
 * among the texts. Phones send photos so (`inline`, in multipart/mixed).
 */
export function fileParts(root: PartNode): readonly ListedPart[] {
  const { text, html, attachments } = bodyParts(root);
  const among = [...text, ...html].filter(({ node }) => isMedia(node.type));
  if (among.length === 0) return attachments;
  const all = new Map([...attachments, ...among].map((part) => [part.path, part]));
  return [...all.values()].sort((a, b) => a.node.headerStart - b.node.headerStart);
}

/** Whether people would say that something is attached: pictures of an HTML text and signatures are not. */
export function hasAttachment(root: PartNode): boolean {
  // Most messages are one text, or a text twice.
  if (root.children.length === 0 && isText(root.type) && root.disposition !== 'attachment') return false;
  return fileParts(root).some(
    ({ node, related }) => !SIGNATURES.has(node.type) && (!related || node.disposition === 'attachment'),
  );
}

const SIGNATURES = new Set([
  'application/pgp-signature',
  'application/pkcs7-signature',
  'application/x-pkcs7-signature',
]);

/** Depth is bounded by the indexer's limit. */
function collect(multipart: PartNode, path: string, within: boolean, lists: Lists): void {
  const kind = multipart.type.slice(multipart.type.indexOf('/') + 1);
  const alternative = within || kind === 'alternative';
  const [texts, htmls] = [lists.text?.length, lists.html?.length];
  let open = lists;
  for (const [i, node] of multipart.children.entries()) {
    const at = path === '' ? `${i + 1}` : `${path}.${i + 1}`;
    if (isMultipart(node)) collect(node, at, alternative, open);
    else
      open = take(
        { path: at, node, related: kind === 'related' && i > 0 },
        { first: i === 0, kind, alternative },
        open,
      );
  }
  if (kind !== 'alternative' || lists.text === undefined || lists.html === undefined) return;
  // Where only one of the two is there, it stands for the other one too.
  const [newTexts, newHtmls] = [lists.text.slice(texts), lists.html.slice(htmls)];
  if (newTexts.length === 0) lists.text.push(...newHtmls);
  if (newHtmls.length === 0) lists.html.push(...newTexts);
}

interface Around {
  readonly first: boolean;
  /** The subtype of the multipart that it is in. */
  readonly kind: string;
  /** Somewhere within an alternative. */
  readonly alternative: boolean;
}

/** Answers what is open to the parts behind this one. */
function take(part: ListedPart, { first, kind, alternative }: Around, lists: Lists): Lists {
  const { type } = part.node;
  if (!isInline(part.node, first, kind)) {
    lists.attachments.push(part);
    return lists;
  }
  if (kind === 'alternative') {
    const list = type === 'text/plain' ? lists.text : type === 'text/html' ? lists.html : undefined;
    (list ?? lists.attachments).push(part);
    return lists;
  }
  // Beside a text within an alternative, what follows belongs to that form of the message alone.
  const open = { ...lists };
  if (alternative && type === 'text/plain') open.html = undefined;
  if (alternative && type === 'text/html') open.text = undefined;
  open.text?.push(part);
  open.html?.push(part);
  if ((open.text === undefined || open.html === undefined) && isMedia(type)) open.attachments.push(part);
  return open;
}

/** A part of the text rather than an attachment. In multipart/related only the first is; a later text with a name is a file. */
function isInline({ type, disposition, filename }: PartNode, first: boolean, kind: string): boolean {
  if (disposition === 'attachment' || !(isText(type) || isMedia(type))) return false;
  return first || (kind !== 'related' && (isMedia(type) || filename === undefined));
}

const isText = (type: string): boolean => type === 'text/plain' || type === 'text/html';
const isMedia = (type: string): boolean => /^(image|audio|video)\//.test(type);
const isMultipart = ({ type, children }: PartNode): boolean => type.startsWith('multipart/') && children.length > 0;
