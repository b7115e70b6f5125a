/** Content-Transfer-Encodings (RFC 2045 §6) back to octets: for BINARY (RFC 3516), SEARCH, and previews. */

export type Decoding = 'identity' | 'base64' | 'quoted-printable';

/** `undefined` for an encoding that nobody here knows: IMAP answers `[UNKNOWN-CTE]`. */
export function decodingOf(encoding: string): Decoding | undefined {
  switch (encoding.toLowerCase()) {
    case '7bit':
    case '8bit':
    case 'binary':
    case '':
      return 'identity';
    case 'base64':
      return 'base64';
    case 'quoted-printable':
      return 'quoted-printable';
    default:
      return undefined;
  }
}

/** Decodes a whole body. Lenient: what can't be decoded is passed over (base64) or kept (quoted-printable); never throws. */
export function decodeTransfer(bytes: Uint8Array, decoding: Decoding): Uint8Array {
  if (decoding === 'identity') return bytes;
  const decoder = transferDecoder(decoding);
  const head = decoder.push(bytes);
  const tail = decoder.finish();
  return tail.length === 0 ? head : Buffer.concat([head, tail]);
}

export interface TransferDecoder {
  push(bytes: Uint8Array): Uint8Array;
  finish(): Uint8Array;
}

/** A decoder for a body that passes in pieces, in bounded memory; its output does not depend on where the pieces part. */
export function transferDecoder(decoding: Decoding): TransferDecoder {
  if (decoding === 'base64') return new Base64Decoder();
  if (decoding === 'quoted-printable') return new QuotedPrintableDecoder();
  return { push: (bytes) => bytes, finish: () => NOTHING };
}

const NOTHING = new Uint8Array(0);

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** RFC 2045 §6.8: octets outside the alphabet are passed over. Padding ends a group; what follows starts a new one. */
class Base64Decoder implements TransferDecoder {
  private rest = '';

  push(bytes: Uint8Array): Uint8Array {
    const text =
      this.rest +
      viewOf(bytes)
        .toString('latin1')
        .replace(/[^A-Za-z0-9+/=]+/g, '');
    if (!text.includes('=')) {
      const whole = text.length - (text.length % 4);
      this.rest = text.slice(whole);
      return Buffer.from(text.slice(0, whole), 'base64');
    }
    const groups = text.split(/=+/);
    const last = groups.pop() ?? '';
    const whole = last.length - (last.length % 4);
    this.rest = last.slice(whole);
    groups.push(last.slice(0, whole));
    return Buffer.concat(groups.map((group) => Buffer.from(group, 'base64')));
  }

  finish(): Uint8Array {
    const end = Buffer.from(this.rest, 'base64');
    this.rest = '';
    return end;
  }
}

const EQUALS = 0x3d;
const LF = 0x0a;
const CR = 0x0d;

/** RFC 2045 §6.7: soft line breaks go, white space before a line end goes, a `=` that encodes nothing stays. */
class QuotedPrintableDecoder implements TransferDecoder {
  private rest: Buffer = Buffer.alloc(0);

  push(bytes: Uint8Array): Uint8Array {
    const input = this.rest.length === 0 ? viewOf(bytes) : Buffer.concat([this.rest, bytes]);
    const cut = safeCut(input);
    this.rest = Buffer.from(input.subarray(cut));
    return decodeLines(input.subarray(0, cut), false);
  }

  finish(): Uint8Array {
    const end = decodeLines(this.rest, true);
    this.rest = Buffer.alloc(0);
    return end;
  }
}

/** White space that could still turn out to be trailing is held back, but not for ever. */
const MAX_HELD = 1000;

/** Everything up to here means the same whatever comes next. */
function safeCut(input: Buffer): number {
  let cut = input.length;
  const floor = Math.max(0, cut - MAX_HELD);
  while (cut > floor && isBlankOrCr(input[cut - 1] ?? 0)) cut -= 1;
  for (let back = 1; back <= 2 && cut - back >= 0; back += 1) {
    if (input[cut - back] === EQUALS) return cut - back;
  }
  return cut;
}

const isBlankOrCr = (octet: number): boolean => octet === 0x20 || octet === 0x09 || octet === CR;

function decodeLines(input: Buffer, last: boolean): Uint8Array {
  const out = Buffer.allocUnsafe(input.length);
  let length = 0;
  /** Output behind which everything is white space of the line's end. */
  let solid = 0;
  for (let i = 0; i < input.length; i += 1) {
    const octet = input[i] as number;
    if (octet === EQUALS) {
      const soft = softBreakEnd(input, i + 1, last);
      const high = hex(input[i + 1]);
      const low = hex(input[i + 2]);
      if (soft > 0) i = soft - 1;
      else if (high >= 0 && low >= 0) {
        out[length++] = high * 16 + low;
        i += 2;
      } else out[length++] = octet;
      solid = length;
    } else if (octet === LF) {
      const crlf = length > solid && out[length - 1] === CR;
      // As much as can be held back when the body comes in pieces, so that it makes no difference.
      length = Math.max(solid, length - MAX_HELD);
      if (crlf) out[length++] = CR;
      out[length++] = LF;
      solid = length;
    } else {
      out[length++] = octet;
      if (!isBlankOrCr(octet)) solid = length;
    }
  }
  return out.subarray(0, length);
}

/** Where a soft line break that begins behind its `=` ends; 0 when it is none. */
function softBreakEnd(input: Buffer, from: number, last: boolean): number {
  let i = from;
  while (i < input.length && i - from < MAX_HELD && isBlankOrCr(input[i] ?? 0)) i += 1;
  if (input[i] === LF) return i + 1;
  return last && i === input.length ? i : 0;
}

/** The value of a hexadecimal digit; lower case is against the RFC but read. */
function hex(octet: number | undefined): number {
  if (octet === undefined) return -1;
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const upper = octet & 0xdf;
  return upper >= 0x41 && upper <= 0x46 ? upper - 0x37 : -1;
}
