/** Responses written straight into large pages, for many small ones: no string or buffer is kept for each. Pages go to the output as they fill. */
import type { Output } from '../../session/output.ts';

const PAGE = 131_072;

export class PageWriter {
  readonly #out: Output;
  #page = Buffer.allocUnsafeSlow(PAGE);
  #at = 0;

  constructor(out: Output) {
    this.#out = out;
  }

  /** US-ASCII. */
  text(text: string): void {
    if (this.#at + text.length > this.#page.length) this.#turn(text.length);
    this.#at += this.#page.write(text, this.#at, 'latin1');
  }

  octets(from: Buffer, start: number, end: number): void {
    if (this.#at + end - start > this.#page.length) this.#turn(end - start);
    this.#at += from.copy(this.#page, this.#at, start, end);
  }

  /** Hands over what was written. */
  send(): void {
    if (this.#at > 0) this.#out.write(this.#page.subarray(0, this.#at));
    this.#page = Buffer.allocUnsafeSlow(PAGE);
    this.#at = 0;
  }

  /** Begins a page with room for so much. */
  #turn(room: number): void {
    this.send();
    if (room > PAGE) this.#page = Buffer.allocUnsafeSlow(room);
  }
}
