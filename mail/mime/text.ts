/** The text that SEARCH looks through (RFC 9051 §6.4.4): decoded from transfer encoding and charset, headers from RFC 2047. */
import { decodeText, textOfBinary } from '../header/charset.ts';
import { decodeWords } from '../header/encoded-word.ts';
import { splitFields, unfold } from '../header/fields.ts';
import { decodeTransfer, decodingOf } from './decode.ts';
import { textOfHtml } from './html.ts';
import type { PartNode } from './message-index.ts';

export interface TextLimits {
  /** Octets of one text part that are decoded. */
  readonly partOctets: number;
}

export const TEXT_LIMITS: TextLimits = { partOctets: 16_777_216 };

/**
 * Every text of a message as one string each, in order: fields of headers as `Name: value`, bodies of text parts; tags of HTML are gone.
 * @param content prefix + body, whole. @param headers whether header fields too: TEXT wants the message's, BODY only those of parts.
 */
export function* searchableTexts(
  content: Uint8Array,
  root: PartNode,
  prefixLength: number,
  headers: boolean,
  limits: TextLimits = TEXT_LIMITS,
): Generator<string> {
  if (headers) yield decodedHeader(content.subarray(0, root.bodyStart + prefixLength));
  yield* bodies(content, root, prefixLength, limits);
}

function* bodies(content: Uint8Array, node: PartNode, prefixLength: number, limits: TextLimits): Generator<string> {
  for (const child of node.children) {
    yield decodedHeader(content.subarray(child.headerStart + prefixLength, child.bodyStart + prefixLength));
    yield* bodies(content, child, prefixLength, limits);
  }
  if (node.children.length > 0 || !node.type.startsWith('text/')) return;
  const start = node.bodyStart + prefixLength;
  const end = Math.min(node.bodyEnd + prefixLength, start + limits.partOctets);
  yield partText(content.subarray(start, end), node);
}

/** The text of one part from the octets of its body; empty when its encoding is unknown. */
export function partText(body: Uint8Array, node: PartNode): string {
  const decoding = decodingOf(node.encoding);
  if (decoding === undefined) return '';
  const text = decodeText(decodeTransfer(body, decoding), node.charset);
  return node.type === 'text/html' ? textOfHtml(text) : text;
}

/** A header section as text, a field a line, unfolded and decoded. */
export function decodedHeader(section: Uint8Array): string {
  const binary = Buffer.from(section.buffer, section.byteOffset, section.byteLength).toString('latin1');
  return splitFields(binary)
    .map((field) => `${field.name}: ${decodeWords(textOfBinary(unfold(field.value)))}`)
    .join('\n');
}
