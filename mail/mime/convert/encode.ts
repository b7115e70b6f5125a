/** Octets to Content-Transfer-Encodings (RFC 2045 §6.7, §6.8), as they pass and in bounded memory. `decode.ts` is the inverse, octet for octet. */

export type TransferEncoding = 'base64' | 'quoted-printable';

export interface TransferEncoder {
  push(bytes: Uint8Array): Uint8Array;
  /** @param last nothing follows in the message, so that the last line has to be ended; elsewhere a delimiter brings the line end. */
  finish(last: boolean): Uint8Array;
}

export function transferEncoder(encoding: TransferEncoding): TransferEncoder {
  return encoding === 'base64' ? new Base64Encoder() : new QuotedPrintableEncoder();
}

/** Octets that make a line of 76 characters. */
const GROUP = 57;
const NOTHING = Buffer.alloc(0);

class Base64Encoder implements TransferEncoder {
  #rest: Buffer = NOTHING;
  #begun = false;

  push(bytes: Uint8Array): Uint8Array {
    const input = this.#rest.length === 0 ? view(bytes) : Buffer.concat([this.#rest, bytes]);
    const whole = input.length - (input.length % GROUP);
    this.#rest = Buffer.from(input.subarray(whole));
    return this.#lines(input.subarray(0, whole));
  }

  finish(last: boolean): Uint8Array {
    const end = this.#lines(this.#rest);
    this.#rest = NOTHING;
    return last && this.#begun ? Buffer.concat([end, CRLF]) : end;
  }

  /** A line end stands before each line but the first, since nobody knows which is the last. */
  #lines(input: Buffer): Buffer {
    const lines: string[] = [];
    for (let at = 0; at < input.length; at += GROUP) lines.push(input.toString('base64', at, at + GROUP));
    if (lines.length === 0) return NOTHING;
    const before = this.#begun ? '\r\n' : '';
    this.#begun = true;
    return Buffer.from(before + lines.join('\r\n'), 'latin1');
  }
}

const CRLF = Buffer.from('\r\n');
const SPACE = 0x20;
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
const EQUALS = 0x3d;
const NONE = -1;
/** RFC 2045 §6.7 (5): 76 characters, of which the last may be the `=` of a soft line break. */
const WIDTH = 75;

/** CRLF stays a line end; every other CR and LF is encoded, so that not an octet changes. */
class QuotedPrintableEncoder implements TransferEncoder {
  #column = 0;
  /** A space or tab whose meaning depends on what follows: at the end of a line it has to be encoded. */
  #blank = NONE;
  #cr = false;
  #out: Buffer = NOTHING;
  #length = 0;

  push(bytes: Uint8Array): Uint8Array {
    this.#begin(bytes.length);
    for (let i = 0; i < bytes.length; i += 1) this.#take(bytes[i] as number);
    return this.#out.subarray(0, this.#length);
  }

  finish(last: boolean): Uint8Array {
    this.#begin(0);
    if (this.#cr) this.#literalBlank();
    else if (this.#blank !== NONE) this.#encoded(this.#blank);
    if (this.#cr) this.#encoded(CR);
    // A soft break ends the last line without a line end in the content.
    if (last && this.#column > 0) this.#softBreak();
    return this.#out.subarray(0, this.#length);
  }

  /** Three octets for each, a soft break for every 25 of them, and what is owed from before. */
  #begin(octets: number): void {
    this.#out = Buffer.allocUnsafe(4 * octets + 32);
    this.#length = 0;
  }

  #take(octet: number): void {
    if (this.#cr) {
      this.#cr = false;
      if (octet === LF) {
        this.#endLine();
        return;
      }
      this.#literalBlank();
      this.#encoded(CR);
    }
    if (octet === CR) {
      this.#cr = true;
      return;
    }
    if (this.#blank !== NONE) this.#literalBlank();
    if (octet === SPACE || octet === TAB) this.#blank = octet;
    // At the start of a line that a soft break makes, a dash could be the beginning of what looks like a delimiter.
    else if (octet === DASH && (this.#column === 0 || this.#column === WIDTH)) this.#encoded(octet);
    else if (octet > SPACE && octet < 0x7f && octet !== EQUALS) this.#literal(octet);
    else this.#encoded(octet);
  }

  #endLine(): void {
    if (this.#blank !== NONE) this.#encoded(this.#blank);
    this.#blank = NONE;
    this.#out[this.#length++] = CR;
    this.#out[this.#length++] = LF;
    this.#column = 0;
  }

  #literalBlank(): void {
    if (this.#blank === NONE) return;
    this.#literal(this.#blank);
    this.#blank = NONE;
  }

  #literal(octet: number): void {
    if (this.#column === WIDTH) this.#softBreak();
    this.#out[this.#length++] = octet;
    this.#column += 1;
  }

  #encoded(octet: number): void {
    if (this.#column + 3 > WIDTH) this.#softBreak();
    this.#out[this.#length++] = EQUALS;
    this.#out[this.#length++] = HEX[octet >> 4] as number;
    this.#out[this.#length++] = HEX[octet & 15] as number;
    this.#column += 3;
  }

  #softBreak(): void {
    this.#out[this.#length++] = EQUALS;
    this.#out[this.#length++] = CR;
    this.#out[this.#length++] = LF;
    this.#column = 0;
  }
}

const HEX = Buffer.from('0123456789ABCDEF');

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
