/**
 * From bytes to command lines (RFC 1939 §3). `push` bytes, then call `next` until it answers `undefined`. Events don't depend on how the bytes were cut
 * into chunks; at most `LINE_LIMIT` octets of a line are held.
 */

/** RFC 2449 §4 allows 255 octets, RFC 5034 §4 more for AUTH; a SASL response of ours has at most 4,096 octets before base64. */
export const LINE_LIMIT = 8_192;
/** Octets of one line that are swallowed before the session is given up. */
export const SWALLOW_LIMIT = 1_048_576;

export type FramerEvent =
  /** A line without its end. `bareLf`: that was no CRLF, so the line has to be refused. */
  | { readonly type: 'line'; readonly bytes: Buffer; readonly bareLf: boolean }
  /** A line over the limit; all of it is gone. */
  | { readonly type: 'overflow' }
  /** More than anybody swallows: nothing follows, the session has to end. */
  | { readonly type: 'endless' };

const LF = 0x0a;
const CR = 0x0d;

export class LineFramer {
  readonly #queue: Buffer[] = [];
  #at = 0;
  /** Pieces of the line that is not complete yet. */
  #pieces: Buffer[] = [];
  #length = 0;
  #endless = false;

  /** The bytes are kept, not copied: don't write into them afterwards. */
  push(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#queue.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  /** Forgets everything that was read. */
  reset(): void {
    this.#queue.length = 0;
    this.#at = 0;
    this.#forgetLine();
  }

  next(): FramerEvent | undefined {
    while (!this.#endless) {
      const chunk = this.#queue[0];
      if (chunk === undefined) return undefined;
      const end = chunk.indexOf(LF, this.#at);
      const piece = chunk.subarray(this.#at, end < 0 ? undefined : end);
      this.#at = end + 1;
      if (end < 0 || end + 1 === chunk.length) {
        this.#queue.shift();
        this.#at = 0;
      }
      this.#length += piece.length;
      // One more than the limit: the CR of a line that has just as many.
      if (this.#length <= LINE_LIMIT + 1) this.#pieces.push(piece);
      else this.#pieces = [];
      if (end >= 0) return this.#line();
      if (this.#length > SWALLOW_LIMIT) return this.#giveUp();
    }
    return undefined;
  }

  #line(): FramerEvent {
    if (this.#length > SWALLOW_LIMIT) return this.#giveUp();
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    const length = this.#length;
    this.#forgetLine();
    const bareLf = whole[whole.length - 1] !== CR;
    if (length > LINE_LIMIT + (bareLf ? 0 : 1)) return { type: 'overflow' };
    return { type: 'line', bytes: bareLf ? whole : whole.subarray(0, -1), bareLf };
  }

  #giveUp(): FramerEvent {
    this.reset();
    this.#endless = true;
    return { type: 'endless' };
  }

  #forgetLine(): void {
    this.#pieces = [];
    this.#length = 0;
  }
}
