/** The preview (RFC 8970 §1). Best effort: nothing here throws. */
import { decodeText } from '../header/charset.ts';
import { parameter } from '../header/parameters.ts';
import { decodeTransfer, decodingOf } from './decode.ts';
import { textOfHtml } from './html.ts';
import type { ContentFields, Part } from './part.ts';

const PREVIEW_CHARACTERS = 256;
/** Octets of a part that are looked at; HTML begins with much that is no text. */
const PREVIEW_OCTETS = { plain: 1024, html: 16_384 } as const;

/** Listens to the bodies that pass and keeps the beginning of the first text that says something. */
export class PreviewTap {
  text = '';
  private part: Part | undefined;
  private pieces: Buffer[] = [];
  private room = 0;

  /** True while bytes of the current body are wanted. */
  get active(): boolean {
    return this.room > 0;
  }

  begin(part: Part): void {
    this.part = undefined;
    this.room = 0;
    if (this.text !== '' || !isText(part) || isEmbedded(part)) return;
    this.part = part;
    this.pieces = [];
    this.room = part.content.type === 'text/html' ? PREVIEW_OCTETS.html : PREVIEW_OCTETS.plain;
  }

  feed(bytes: Uint8Array): void {
    const piece = Buffer.from(bytes.subarray(0, this.room));
    this.room -= piece.length;
    this.pieces.push(piece);
  }

  /** The body in hand ends at `end` of the message; some of what was fed may lie behind it. */
  end(end: number): void {
    const { part } = this;
    if (part === undefined) return;
    const bytes = Buffer.concat(this.pieces).subarray(0, Math.max(0, end - part.bodyStart));
    this.text = makePreview(bytes, part.content);
    this.part = undefined;
    this.room = 0;
  }
}

function isText(part: Part): boolean {
  const { type, disposition } = part.content;
  return part.kind === 'leaf' && (type === 'text/plain' || type === 'text/html') && disposition?.value !== 'attachment';
}

function isEmbedded(part: Part): boolean {
  for (let up = part.parent; up !== undefined; up = up.parent) if (up.kind === 'message') return true;
  return false;
}

/** Runs of white space and of characters without width; single spaces, which are most of them, are left alone. */
const BLANKS =
  / *[\t-\r\u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff\u00ad][\s\u200b\u00ad]*| {2,}/g;

const fold = (text: string): string => text.replace(BLANKS, ' ').trim();

function makePreview(bytes: Uint8Array, content: ContentFields): string {
  const decoding = decodingOf(content.encoding);
  if (decoding === undefined) return '';
  const text = decodeText(decodeTransfer(bytes, decoding), parameter(content, 'charset')?.value);
  const plain = content.type === 'text/html' ? textOfHtml(text) : text;
  // Most texts have few blanks to fold, and then a little more than is shown is enough.
  let folded = fold(plain.slice(0, PREVIEW_CHARACTERS + 64));
  if (folded.length < PREVIEW_CHARACTERS) folded = fold(plain.slice(0, 4 * PREVIEW_CHARACTERS));
  // The cut may have gone through a character.
  return folded
    .slice(0, PREVIEW_CHARACTERS)
    .replace(/[\ud800-\udbff]$/, '')
    .replace(/\ufffd{1,4}$/, '');
}
