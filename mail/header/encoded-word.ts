/** Encoded words (RFC 2047, with the language suffix of RFC 2231 §5): `=?utf-8?Q?Gr=C3=BC=C3=9Fe?=`. */
import { decoderFor } from './charset.ts';

/**
 * Linear: each class stops at the next `?`. Blanks in the text are against the RFC but common enough to be read.
 * RFC 2047 §2 wants at most 75 characters; longer ones are read too, since many senders forget.
 */
const WORD = /=\?([^?\s]+)\?([bBqQ])\?([^?]*)\?=/g;

/** Decodes every encoded word of unstructured text or of a phrase. A word in a charset that nobody knows stays as it is. */
export function decodeWords(text: string): string {
  if (!text.includes('=?')) return text;
  let out = '';
  let end = 0;
  let run: Run | undefined;
  for (const match of text.matchAll(WORD)) {
    const charset = withoutLanguage(match[1] ?? '').toLowerCase();
    const gap = text.slice(end, match.index);
    const adjacent = run !== undefined && isBlank(gap);
    const decoder = decoderFor(charset);
    const bytes = decoder === undefined ? undefined : decodeBytes(match[2] ?? '', match[3] ?? '');
    if (bytes !== undefined && adjacent && run?.charset === charset) {
      // RFC 2047 §6.2: white space between adjacent words goes. Octets are joined first: senders split within a character.
      run.chunks.push(bytes);
    } else {
      out += flush(run);
      if (!(adjacent && bytes !== undefined)) out += gap;
      run = bytes === undefined ? undefined : { charset, chunks: [bytes] };
      if (bytes === undefined) out += match[0];
    }
    end = match.index + match[0].length;
  }
  return out + flush(run) + text.slice(end);
}

interface Run {
  readonly charset: string;
  readonly chunks: Uint8Array[];
}

function flush(run: Run | undefined): string {
  if (run === undefined) return '';
  const bytes = run.chunks.length === 1 ? run.chunks[0] : Buffer.concat(run.chunks);
  return decoderFor(run.charset)?.decode(bytes) ?? '';
}

function withoutLanguage(charset: string): string {
  const star = charset.indexOf('*');
  return star < 0 ? charset : charset.slice(0, star);
}

const isBlank = (text: string): boolean => /^\s*$/.test(text);

function decodeBytes(encoding: string, text: string): Uint8Array {
  if (encoding === 'b' || encoding === 'B') return Buffer.from(text, 'base64');
  return Buffer.from(decodeQ(text), 'latin1');
}

/** RFC 2047 §4.2: `_` is a space, `=XX` an octet; a `=` that starts no octet stands for itself. */
function decodeQ(text: string): string {
  return text
    .replaceAll('_', ' ')
    .replace(/=([0-9A-Fa-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

const MAX_WORD = 75;
const NEEDS_ENCODING = /[^\x20-\x7e]|=\?/;

/**
 * Text for an unstructured field or a phrase. Plain ASCII stays; anything else becomes encoded words of at most 75
 * characters, separated by a space, each of whole characters (RFC 2047 §5). `decodeWords` gives the text back.
 */
export function encodeWords(text: string): string {
  if (!NEEDS_ENCODING.test(text) && text === text.trim()) return text;
  const wellFormed = text.toWellFormed();
  const bytes = Buffer.from(wellFormed, 'utf8');
  const useQ = countSpecial(bytes) * 3 < bytes.length;
  const words: string[] = [];
  let chunk = '';
  for (const character of wellFormed) {
    const piece = useQ ? encodeQ(character) : character;
    if (chunk !== '' && wordLength(useQ, chunk + piece) > MAX_WORD) {
      words.push(makeWord(useQ, chunk));
      chunk = '';
    }
    chunk += piece;
  }
  words.push(makeWord(useQ, chunk));
  return words.join(' ');
}

const OVERHEAD = '=?UTF-8?Q??='.length;

const wordLength = (useQ: boolean, chunk: string): number =>
  OVERHEAD + (useQ ? chunk.length : Math.ceil(Buffer.byteLength(chunk, 'utf8') / 3) * 4);

const makeWord = (useQ: boolean, chunk: string): string =>
  useQ ? `=?UTF-8?Q?${chunk}?=` : `=?UTF-8?B?${Buffer.from(chunk, 'utf8').toString('base64')}?=`;

const isQSafe = (octet: number): boolean =>
  (octet >= 0x30 && octet <= 0x39) || (octet >= 0x41 && octet <= 0x5a) || (octet >= 0x61 && octet <= 0x7a);

function countSpecial(bytes: Uint8Array): number {
  let count = 0;
  for (const octet of bytes) if (!isQSafe(octet) && octet !== 0x20) count += 1;
  return count;
}

/** RFC 2047 §5 (3): within a phrase only letters, digits and a few signs may stand for themselves; so everywhere. */
function encodeQ(character: string): string {
  if (character === ' ') return '_';
  let out = '';
  for (const octet of Buffer.from(character, 'utf8')) {
    out += isQSafe(octet) ? String.fromCharCode(octet) : `=${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}
