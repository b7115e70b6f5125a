/**
 * Writes messages into an mbox (RFC 4155, quoted as mboxrd): each line that begins with `From `, with any number of `>` before it, gets one more `>`,
 * so that what is read back is what was written. Lines end with LF, as the format's readers expect; a message ends with a line end and an empty line.
 */
import { type FromLine, formatFromLine } from './from-line.ts';

const FROM = 'From ';
/** A line that is longer than this is passed on in pieces. */
const LONG_LINE = 65_536;

export class MboxEncoder {
  /** What is not yet decided: the beginning of a line, or a CR whose LF may follow. */
  #carry = '';
  /** Where the carry stands: at a line's start, behind nothing but `>`, or behind something else. */
  #at: 'start' | 'quotes' | 'within' = 'start';

  /** Begins a message: the line that parts it from the one before. */
  begin(line: FromLine): Buffer {
    this.#carry = '';
    this.#at = 'start';
    return formatFromLine(line);
  }

  /** More of the message, CRLF or LF. */
  push(chunk: Uint8Array): Buffer {
    const text = this.#carry + binary(chunk);
    const end = text.lastIndexOf('\n') + 1;
    const out = end === 0 ? '' : this.#lines(text.slice(0, end));
    this.#carry = text.slice(end);
    return Buffer.from(this.#carry.length > LONG_LINE ? out + this.#piece() : out, 'latin1');
  }

  end(): Buffer {
    const last = this.#carry === '' ? '' : this.#lines(this.#carry);
    const closed = last === '' ? this.#at === 'start' : last.endsWith('\n');
    this.#carry = '';
    this.#at = 'start';
    return Buffer.from(`${last}${closed ? '\n' : '\n\n'}`, 'latin1');
  }

  #lines(text: string): string {
    const plain = text.includes('\r\n') ? text.replaceAll('\r\n', '\n') : text;
    const first = this.#at !== 'within' && /^>*From /.test(plain) ? '>' : '';
    this.#at = 'start';
    return first + (plain.includes(FROM) ? plain.replace(/\n(?=>*From )/g, '\n>') : plain);
  }

  /** A long line, but for the last octet, which may be the CR of its end. */
  #piece(): string {
    const text = this.#carry;
    const quotes = this.#at !== 'within' && /^>+$/.test(text);
    const out = this.#lines(text.slice(0, -1));
    this.#carry = text.slice(-1);
    this.#at = quotes ? 'quotes' : 'within';
    return out;
  }
}

export const binary = (chunk: Uint8Array): string =>
  Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
