/**
 * Mailbox names in modified UTF-7 (RFC 3501 §5.1.3): printable US-ASCII stands for itself, `&` is `&-`, everything else is UTF-16BE in a
 * base64 with `,` for `/` and no padding, between `&` and `-`. One name has one form: what could have been written otherwise is refused.
 */

const AMPERSAND = '&';
/** Stops at the next `&`, so that it is linear. */
const SHIFTED = /&([^&-]*)-/g;

/** Unicode, or `undefined` when `wire` is not canonical modified UTF-7. */
export function decodeMailboxName(wire: string): string | undefined {
  for (let i = 0; i < wire.length; i++) {
    const code = wire.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return undefined;
  }
  if (!wire.includes(AMPERSAND)) return wire;
  const name = wire.replace(SHIFTED, (_, encoded: string) => (encoded === '' ? AMPERSAND : decodeShifted(encoded)));
  // Whatever was not canonical (unused bits, ASCII in base64, two runs in a row, a stray `&`) comes out of the encoder differently.
  return name.isWellFormed() && encodeMailboxName(name) === wire ? name : undefined;
}

export function encodeMailboxName(name: string): string {
  let out = '';
  let run = '';
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) {
      run += name[i];
      continue;
    }
    if (run !== '') {
      out += encodeShifted(run);
      run = '';
    }
    out += code === 0x26 ? '&-' : name[i];
  }
  return run === '' ? out : out + encodeShifted(run);
}

function encodeShifted(run: string): string {
  const base64 = Buffer.from(run, 'utf16le').swap16().toString('base64');
  const end = base64.indexOf('=');
  return `&${(end < 0 ? base64 : base64.slice(0, end)).replaceAll('/', ',')}-`;
}

function decodeShifted(encoded: string): string {
  const bytes = Buffer.from(encoded.replaceAll(',', '/'), 'base64');
  return bytes.length % 2 === 0 ? bytes.swap16().toString('utf16le') : '';
}
