/** xtext (RFC 3461 §4): printable ASCII, with `+XX` for what may not stand in a parameter of ESMTP. Used by ENVID, ORCPT, AUTH= and our own XDELIVERYID. */

export class XtextSyntaxError extends SyntaxError {
  constructor(message: string) {
    super(message);
    this.name = 'XtextSyntaxError';
  }
}

/** Octets (UTF-8 of the text) outside `!`..`~`, `+` and `=` become `+` and two upper-case hexadecimal digits. */
export function encodeXtext(text: string): string {
  if (/^[!-*,-<>-~]*$/.test(text)) return text;
  let out = '';
  for (const octet of Buffer.from(text, 'utf8')) {
    const plain = octet > 0x20 && octet < 0x7f && octet !== 0x2b && octet !== 0x3d;
    out += plain ? String.fromCharCode(octet) : `+${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/** Throws `XtextSyntaxError` for a malformed escape, `=`, control characters, spaces or octets that are no UTF-8. */
export function decodeXtext(xtext: string): string {
  if (!/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(xtext)) throw new XtextSyntaxError('malformed xtext');
  if (!xtext.includes('+')) return xtext;
  const octets = Buffer.from(
    xtext.replace(/\+(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
  try {
    return decoder.decode(octets);
  } catch (cause) {
    throw new XtextSyntaxError(`xtext is not UTF-8: ${cause instanceof Error ? cause.message : ''}`);
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
