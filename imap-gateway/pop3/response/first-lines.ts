/** So many lines from the beginning of octets that come in pieces (TOP, RFC 1939 §7). */
const LF = 0x0a;

export class FirstLines {
  #left: number;

  constructor(lines: number) {
    this.#left = lines;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  /** The part of the next piece that is wanted. */
  take(chunk: Uint8Array): Uint8Array {
    let at = 0;
    while (this.#left > 0) {
      const lf = chunk.indexOf(LF, at);
      if (lf < 0) return chunk;
      at = lf + 1;
      this.#left--;
    }
    return chunk.subarray(0, at);
  }
}
