/** IMAP sections (RFC 9051 §6.4.5.1) resolved against a part tree: which octets of prefix + body they mean. */
import type { PartNode } from './message-index.ts';

export interface Section {
  /** `1.2` is [1, 2]; empty for the message itself. */
  readonly path: readonly number[];
  /** `body` is the part itself (`BODY[1]`, or the whole message with an empty path). */
  readonly kind: 'body' | 'header' | 'text' | 'mime';
}

/** Octets [start, end) of prefix + body. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** `1.2.HEADER`, `2.MIME`, `TEXT`, ``; `undefined` when it is none. HEADER.FIELDS is `header` and a choice of fields. */
export function parseSection(text: string): Section | undefined {
  const match = /^(\d+(?:\.\d+)*)?(\.)?([A-Za-z]+)?$/.exec(text);
  if (match === null) return undefined;
  const [, numbers, dot, word] = match;
  // The dot stands between numbers and a word, and nowhere else.
  if ((dot !== undefined) !== (numbers !== undefined && word !== undefined)) return undefined;
  const path = numbers === undefined ? [] : numbers.split('.').map(Number);
  if (path.some((n) => n < 1 || n > 0xffffffff)) return undefined;
  const kind = word?.toLowerCase() ?? 'body';
  if (
    kind === 'mime'
      ? path.length === 0
      : kind !== 'header' && kind !== 'text' && (kind !== 'body' || word !== undefined)
  ) {
    return undefined;
  }
  return { path, kind: kind as Section['kind'] };
}

/**
 * `undefined` when there is no such section: FETCH answers NIL.
 * @param prefixLength octets of the trace fields that stand before the body: they belong to the root's header.
 */
export function resolveSection(root: PartNode, section: Section, prefixLength: number): ByteRange | undefined {
  const range = (start: number, end: number): ByteRange => ({
    start: start === root.headerStart ? 0 : start + prefixLength,
    end: end + prefixLength,
  });
  if (section.path.length === 0) {
    if (section.kind === 'header') return range(root.headerStart, root.bodyStart);
    if (section.kind === 'text') return { start: root.bodyStart + prefixLength, end: root.bodyEnd + prefixLength };
    return section.kind === 'body' ? range(root.headerStart, root.bodyEnd) : undefined;
  }
  const part = findPart(root, section.path);
  if (part === undefined) return undefined;
  const body = { start: part.bodyStart + prefixLength, end: part.bodyEnd + prefixLength };
  if (section.kind === 'body') return body;
  // `1.MIME` of a message that is no multipart is the message's own header, as Dovecot and Cyrus have it.
  if (section.kind === 'mime') {
    if (part === root) return range(root.headerStart, root.bodyStart);
    return { start: part.headerStart + prefixLength, end: part.bodyStart + prefixLength };
  }
  // HEADER and TEXT are of the embedded message only.
  const embedded = isMessage(part) ? part.children[0] : undefined;
  if (embedded === undefined) return undefined;
  const from = section.kind === 'header' ? embedded.headerStart : embedded.bodyStart;
  const to = section.kind === 'header' ? embedded.bodyStart : embedded.bodyEnd;
  return { start: from + prefixLength, end: to + prefixLength };
}

/**
 * The part that a path names. A message that is no multipart has one part, its body; a message/rfc822 adds no level of its own: when
 * part 2 holds a multipart, its parts are 2.1 and 2.2.
 */
export function findPart(root: PartNode, path: readonly number[]): PartNode | undefined {
  let part: PartNode | undefined;
  /** The message or multipart that the next number counts in. */
  let within: PartNode | undefined = root;
  for (const number of path) {
    if (within === undefined) return undefined;
    if (isMultipart(within)) part = within.children[number - 1];
    else part = number === 1 ? within : undefined;
    if (part === undefined) return undefined;
    if (isMultipart(part)) within = part;
    else within = isMessage(part) ? part.children[0] : undefined;
  }
  return part;
}

const isMultipart = (node: PartNode): boolean => node.type.startsWith('multipart/');

/** An embedded message is always the only child of what is no multipart. */
const isMessage = (node: PartNode): boolean => !isMultipart(node) && node.children.length > 0;
