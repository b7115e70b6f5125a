/**
 * Octets of a message as a multi-line response has them (RFC 1939 §3): a dot in front of lines that begin with one, CRLF at every line's end, and
 * `.` at the end of all. Pieces come as they come.
 *
 * A bare LF, which only APPEND can have brought in, becomes CRLF: for half of all clients it ends a line, and a dot behind it would end the message.
 */
const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;

export class MultiLine {
  readonly #write: (bytes: Uint8Array | string) => void;
  #lineStart = true;
  #lastCr = false;

  constructor(write: (bytes: Uint8Array | string) => void) {
    this.#write = write;
  }

  /** The bytes are kept, not copied: don't write into them afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    let from = 0;
    const insert = (at: number, what: string): void => {
      if (at > from) this.#write(chunk.subarray(from, at));
      this.#write(what);
      from = at;
    };
    if (this.#lineStart && chunk[0] === DOT) insert(0, '.');
    for (let lf = chunk.indexOf(LF); lf >= 0; lf = chunk.indexOf(LF, lf + 1)) {
      if (!(lf === 0 ? this.#lastCr : chunk[lf - 1] === CR)) insert(lf, '\r');
      if (chunk[lf + 1] === DOT) insert(lf + 1, '.');
    }
    this.#write(from === 0 ? chunk : chunk.subarray(from));
    const last = chunk[chunk.length - 1];
    this.#lineStart = last === LF;
    this.#lastCr = last === CR;
  }

  /** As `push`, of octets that are lines already: each ended by CRLF, and none begins with a dot. */
  pushPlain(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#write(chunk);
    this.#lineStart = true;
    this.#lastCr = false;
  }

  end(): void {
    if (!this.#lineStart) this.#write(this.#lastCr ? '\n' : '\r\n');
    this.#write('.\r\n');
  }
}
