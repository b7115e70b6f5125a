/**
 * A header for clients that haven't asked for UTF8 (RFC 6856 §2.1; how: RFC 6858 §2): encoded words instead of UTF-8; an address that can't be
 * written without becomes an empty group that shows it. What is neither ASCII nor UTF-8 stays as it is: a broken message is no UTF-8 message.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { encodeWords } from '#mail/header/encoded-word.ts';

/** @param header a header section, its empty line included; pieces of the same octets where nothing is to be done. */
export function surrogateHeader(header: Uint8Array): Uint8Array {
  if (isAscii(header) || !isUtf8(header)) return header;
  const text = Buffer.from(header.buffer, header.byteOffset, header.length).toString('utf8');
  // Fields with their folded lines.
  return Buffer.from(
    text.replaceAll(/^[^\n]*\n(?:[ \t][^\n]*\n)*/gm, (field) => (ASCII.test(field) ? field : plainField(field))),
  );
}

const ASCII = /^[\u0000-\u007f]*$/;
const ADDRESSES =
  /^(?:(?:resent-)?(?:from|sender|to|cc|bcc|reply-to)|disposition-notification-to|return-path|delivered-to)$/i;
const PARAMETERS = /^content-/i;

function plainField(field: string): string {
  const colon = field.indexOf(':');
  if (colon < 0 || !ASCII.test(field.slice(0, colon))) return wordsOf(field);
  const name = field.slice(0, colon).trim();
  const body = field.slice(colon + 1);
  if (PARAMETERS.test(name)) return `${field.slice(0, colon + 1)}${parametersOf(body)}`;
  return `${field.slice(0, colon + 1)}${wordsOf(ADDRESSES.test(name) ? addressesOf(body) : body)}`;
}

/**
 * Runs of words that need it, with the white space between them. Strangers write what stands here: each pattern of this file takes in all that it looks at, so
 * that no octet is looked at twice.
 */
function wordsOf(text: string): string {
  let out = '';
  let run = '';
  let space = '';
  for (const [piece] of text.matchAll(/\S+|[ \t]+|\s/g)) {
    if (!ASCII.test(piece) && /\S/.test(piece)) {
      run += run === '' ? '' : space;
      out += run === '' ? space : '';
      run += piece;
      space = '';
    } else if (/^[ \t]+$/.test(piece)) space += piece;
    else {
      out += (run === '' ? '' : encoded(run)) + space + piece;
      run = '';
      space = '';
    }
  }
  return out + (run === '' ? '' : encoded(run)) + space;
}

/** A long text becomes several words, each on a line of its own: white space between encoded words isn't shown. */
const encoded = (text: string): string => encodeWords(text).replaceAll(' ', '\r\n ');

/** RFC 6858 §2.1: display names, quoted or not, and addresses, which can't be had. */
function addressesOf(text: string): string {
  const shown = (address: string): string => `${encoded(address)} :;`;
  return text
    .replaceAll(/<([^<>]*)(>?)/g, (whole, inner: string, end: string) =>
      end === '' || ASCII.test(inner) ? whole : shown(whole),
    )
    .replaceAll(QUOTED, (whole, inner: string, end: string) =>
      end === '' || ASCII.test(inner) ? whole : encoded(inner.replaceAll(/\\(.)/g, '$1')),
    )
    .replaceAll(/[^\s,;:<>]+/g, (word) => (word.includes('@') && !ASCII.test(word) ? shown(word) : word));
}

/** Also one that nobody closes. */
const QUOTED = /"((?:[^"\\]|\\.)*)("?)/gs;

/** Names of files: not as RFC 2231 has it, but as every client reads it. */
function parametersOf(text: string): string {
  return wordsOf(
    text.replaceAll(QUOTED, (whole, inner: string, end: string) =>
      end === '' || ASCII.test(inner) ? whole : `"${encodeWords(inner)}"`,
    ),
  );
}
