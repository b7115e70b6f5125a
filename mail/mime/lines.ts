import type { LineFacts } from './message-index.ts';

const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;

/** Looks at the ends of lines, and at what begins behind them, however the octets are cut. */
export class LineEnds {
  #bare = 0;
  #dots = false;
  #last = -1;

  push(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (bytes[0] === DOT && (this.#last === LF || this.#last < 0)) this.#dots = true;
    for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, lf + 1)) {
      if ((lf === 0 ? this.#last : bytes[lf - 1]) !== CR) this.#bare++;
      if (bytes[lf + 1] === DOT) this.#dots = true;
    }
    this.#last = bytes[bytes.length - 1]!;
  }

  get facts(): LineFacts {
    const ended = this.#last === LF || this.#last < 0;
    const end = this.#last === CR ? 1 : 2;
    return { growth: this.#bare + (ended ? 0 : end), dots: this.#dots };
  }
}

const ONES = 0x0a0a0a0a;
const LOW7 = 0x7f7f7f7f;

/** How many LFs stand in [from, to): four octets at a time, since every octet of a text body passes here. */
export function countLines(bytes: Uint8Array, from: number, to: number): number {
  let count = 0;
  let at = from;
  while (at < to && ((bytes.byteOffset + at) & 3) !== 0) {
    if (bytes[at] === 0x0a) count += 1;
    at += 1;
  }
  const words = (to - at) >> 2;
  if (words > 0) {
    const view = new Int32Array(bytes.buffer, bytes.byteOffset + at, words);
    for (let i = 0; i < words; i += 1) {
      const x = (view[i] as number) ^ ONES;
      // Carry-free test for zero octets: the high bit of each octet of `hits` is set where x has a zero octet.
      const hits = ~(((x & LOW7) + LOW7) | x | LOW7);
      if (hits !== 0) count += ((hits >>> 7) & 1) + ((hits >>> 15) & 1) + ((hits >>> 23) & 1) + (hits >>> 31);
    }
    at += words * 4;
  }
  for (; at < to; at += 1) if (bytes[at] === 0x0a) count += 1;
  return count;
}
