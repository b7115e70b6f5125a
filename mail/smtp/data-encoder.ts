/**
 * The content of a message as our client sends it behind DATA: dots are doubled at the start of lines (RFC 5321 §4.5.2) and nothing but CRLF ends a line
 * (§2.3.8: a client MUST NOT send CR or LF otherwise), so nobody can be made to smuggle through us. Content that was accepted by our own server
 * passes unchanged; a bare CR or LF from elsewhere becomes CRLF.
 */
const EMPTY = Buffer.alloc(0);
const LF = 10;
const CR = 13;
const DOT = 46;

export class DataEncoder {
  /** What the last octet was: LF of a CRLF (or nothing yet), CR, or text. */
  #last: 'line' | 'cr' | 'text' = 'line';

  /** Answers what to send: the chunk itself when nothing in it had to be changed. */
  push(chunk: Uint8Array): Buffer {
    const input = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const size = input.length;
    let out: Buffer | undefined;
    let length = 0;
    let from = 0;
    let last = this.#last;
    for (let at = 0; at < size; ) {
      if (last === 'text') {
        while (at < size && (input[at] as number) > CR) at += 1;
        if (at === size) break;
      }
      const octet = input[at] as number;
      const insert = before(octet, last);
      if (insert !== EMPTY) {
        // Nothing grows by more than one octet for each that it holds, and one that is owed.
        out ??= Buffer.allocUnsafe(2 * size + 1);
        length = append(out, length, input, from, at);
        length = append(out, length, insert, 0, insert.length);
        from = at;
      }
      // A bare CR was completed to CRLF: what follows starts a line.
      if (octet === CR) last = 'cr';
      else last = octet === LF ? 'line' : 'text';
      at += 1;
    }
    this.#last = last;
    if (out === undefined) return input;
    length = append(out, length, input, from, size);
    return out.subarray(0, length);
  }

  /** The end: completes the last line and ends the content with a dot. The encoder can't be used afterwards. */
  finish(): Buffer {
    const missing = this.#last === 'line' ? '' : this.#last === 'cr' ? '\n' : '\r\n';
    return Buffer.from(`${missing}.\r\n`);
  }
}

const ONE_LF = Buffer.from('\n');
const ONE_CR = Buffer.from('\r');
const ONE_DOT = Buffer.from('.');
const LF_DOT = Buffer.from('\n.');

/** What has to be sent before an octet. */
function before(octet: number, last: 'line' | 'cr' | 'text'): Buffer {
  if (last === 'cr') {
    if (octet === LF) return EMPTY;
    return octet === DOT ? LF_DOT : ONE_LF;
  }
  if (octet === LF) return ONE_CR;
  return octet === DOT && last === 'line' ? ONE_DOT : EMPTY;
}

function append(out: Buffer, length: number, from: Buffer, start: number, end: number): number {
  if (end - start > 48) {
    from.copy(out, length, start, end);
    return length + end - start;
  }
  let to = length;
  for (let i = start; i < end; i += 1) out[to++] = from[i] as number;
  return to;
}
