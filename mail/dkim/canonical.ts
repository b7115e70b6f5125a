/**
 * The canonicalisation "relaxed" of RFC 6376 §3.4.2 and §3.4.4. Mail hosts change white space as it suits them; what is signed is what is left when all of
 * it has been made alike.
 */

/** RFC 6376 §3.4.2, with the CRLF. @param value binary string, everything behind the colon. */
export function relaxedField(name: string, value: string): string {
  const line = value.replace(/\r\n/g, '').replace(/[ \t]+/g, ' ');
  const start = line.startsWith(' ') ? 1 : 0;
  const end = line.length > start && line.endsWith(' ') ? line.length - 1 : line.length;
  return `${name.toLowerCase()}:${line.slice(start, end)}\r\n`;
}

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const LINE_ENDS = Buffer.from('\r\n'.repeat(512));
/** Line ends that were held back and still go into the buffer of a chunk; more go out by themselves. */
const FEW = 16;

/**
 * RFC 6376 §3.4.4 for a body in chunks of any size. What may turn out to be white space at the end of a line, or an empty line at the end of the body, is
 * held back as a count, never as octets. Only CRLF ends a line: a bare CR or LF (BINARYMIME) is an octet like others.
 */
export class RelaxedBody {
  readonly #put: (octets: Uint8Array) => void;
  #lineEnds = 0;
  #blank = false;
  #cr = false;
  #empty = true;

  /** @param put gets the canonical body piece by piece. */
  constructor(put: (octets: Uint8Array) => void) {
    this.#put = put;
  }

  push(chunk: Uint8Array): void {
    const out = Buffer.allocUnsafe(chunk.length + 2 * FEW + 2);
    let put = 0;
    let to = 0;
    let lineEnds = this.#lineEnds;
    let blank = this.#blank;
    let cr = this.#cr;
    for (let i = 0; i < chunk.length; i += 1) {
      const c = chunk[i] as number;
      if (c === LF && cr) {
        lineEnds += 1;
        cr = false;
        blank = false;
        continue;
      }
      if (c === CR && !cr) {
        cr = true;
        continue;
      }
      const isBlank = c === SPACE || c === TAB;
      if (isBlank && !cr) {
        blank = true;
        continue;
      }
      // Text, or what shows that the CR before it ends no line: what was held back counts.
      if (lineEnds > FEW) {
        this.#emit(out.subarray(put, to));
        put = to;
        this.#emitLineEnds(lineEnds);
        lineEnds = 0;
      }
      for (; lineEnds > 0; lineEnds -= 1) {
        out[to++] = CR;
        out[to++] = LF;
      }
      if (blank) out[to++] = SPACE;
      if (cr) out[to++] = CR;
      blank = isBlank;
      cr = c === CR;
      if (!isBlank && !cr) out[to++] = c;
    }
    this.#emit(out.subarray(put, to));
    this.#lineEnds = lineEnds;
    this.#blank = blank;
    this.#cr = cr;
  }

  /** The last line is given an end, if there is any line (§3.4.4). */
  finish(): void {
    if (this.#cr) this.push(Buffer.from('\r'));
    if (!this.#empty) this.#emitLineEnds(1);
  }

  #emit(octets: Uint8Array): void {
    if (octets.length === 0) return;
    this.#empty = false;
    this.#put(octets);
  }

  #emitLineEnds(count: number): void {
    for (let left = count * 2; left > 0; left -= LINE_ENDS.length) {
      this.#emit(LINE_ENDS.subarray(0, Math.min(left, LINE_ENDS.length)));
    }
  }
}
