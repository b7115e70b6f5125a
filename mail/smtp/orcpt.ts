/** ORCPT (RFC 3461 §4.2, RFC 6533 §3): `addr-type;xtext`, and the type `utf-8` with its own `\x{HEX}` encoding. */
import type { OriginalRecipient } from '../envelope.ts';
import { decodeXtext, encodeXtext, XtextSyntaxError } from '../xtext.ts';
import { syntaxError } from './syntax-error.ts';

/** RFC 3461 §4.2: the parameter may have 500 characters. */
const LIMIT = 500;
const CONTROL = /[\0-\x1f\x7f-\x9f]/;

/** Throws `CommandSyntaxError`. */
export function parseOrcpt(value: string): OriginalRecipient {
  const semicolon = value.indexOf(';');
  const type = value.slice(0, Math.max(semicolon, 0));
  if (value.length > LIMIT || !/^[A-Za-z0-9-]+$/.test(type)) throw syntaxError('Malformed ORCPT');
  const address =
    type.toLowerCase() === 'utf-8' ? decodeUnitext(value.slice(semicolon + 1)) : decode(value.slice(semicolon + 1));
  // It will stand in a header field of a report: nothing that could end that field may pass.
  if (address === '' || CONTROL.test(address)) throw syntaxError('Malformed ORCPT');
  return { type, address };
}

/** `smtputf8`: the peer takes UTF-8 in its commands (RFC 6533 §3: native characters SHOULD be used then, and MUST NOT otherwise). */
export function formatOrcpt(original: OriginalRecipient, smtputf8: boolean): string {
  if (original.type.toLowerCase() !== 'utf-8') return `${original.type};${encodeXtext(original.address)}`;
  const special = smtputf8 ? /[\0- \\+=\x7f-\x9f]/gu : /[\0- \\+=\x7f]|[^\0-\x7f]/gu;
  const encoded = original.address.replace(special, (c) => {
    const hex = (c.codePointAt(0) ?? 0).toString(16).toUpperCase();
    return `\\x{${hex.padStart(2, '0')}}`;
  });
  return `${original.type};${encoded}`;
}

function decode(text: string): string {
  try {
    return decodeXtext(text);
  } catch (error) {
    if (error instanceof XtextSyntaxError) throw syntaxError('Malformed ORCPT');
    throw error;
  }
}

function decodeUnitext(text: string): string {
  return text.replace(/\\x\{([0-9A-Fa-f]{2,6})\}|[\\+=]/g, (whole, hex: string | undefined) => {
    const point = hex === undefined ? Number.NaN : Number.parseInt(hex, 16);
    if (!(point <= 0x10ffff) || (point >= 0xd800 && point < 0xe000)) throw syntaxError(`Malformed ORCPT at ${whole}`);
    return String.fromCodePoint(point);
  });
}
