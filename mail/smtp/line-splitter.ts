/**
 * Splits what a client sends into command lines. Only CRLF ends a line (RFC 5321 §2.3.8): a bare LF, a bare CR or NUL spoils the whole line up to
 * its CRLF, so that nothing behind a smuggled line end is ever run. A bare LF is reported at once, because who sends one will send no CRLF.
 * What comes out depends on the octets only, never on how they were cut into chunks.
 */
/** `endless`: so far over the limit that no end is to be expected; the sender is not worth reading from any more. */
export type LineDefect = 'bare-cr' | 'bare-lf' | 'nul' | 'too-long' | 'endless';

export type LineEvent =
  | { readonly line: Buffer; readonly defect?: undefined }
  | { readonly line?: undefined; readonly defect: LineDefect };

/** Octets of a spoilt line that are read in the hope of its end. */
const ENDLESS = 1024 * 1024;

const EMPTY = Buffer.alloc(0);
const CR = 13;
const LF = 10;

interface Skipping {
  readonly report: LineDefect | undefined;
  cr: boolean;
  /** Octets thrown away since the last event. */
  octets: number;
}

export class LineSplitter {
  readonly #limit: number;
  #buffer: Buffer = EMPTY;
  #offset = 0;
  /** Where the search for LF goes on, so that a line that trickles in isn't searched again and again. */
  #searched = 0;
  /** Set while the rest of a spoilt line is thrown away: `report` tells whether its end is still worth an event. */
  #skipping: Skipping | undefined;

  /** @param limit octets of a line, its CRLF included (RFC 5321 §4.5.3.1.4: 512, and more with extensions). */
  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#offset === this.#buffer.length) {
      this.#buffer = bytes;
      this.#searched = 0;
    } else {
      this.#buffer = Buffer.concat([this.#buffer.subarray(this.#offset), bytes]);
      this.#searched -= this.#offset;
    }
    this.#offset = 0;
  }

  /** The next line, or `undefined` when more octets are needed. */
  next(): LineEvent | undefined {
    if (this.#skipping !== undefined) {
      const event = this.#skip(this.#skipping);
      if (event !== undefined || this.#skipping !== undefined) return event;
    }
    const at = this.#buffer.indexOf(LF, Math.max(this.#searched, this.#offset));
    if (at < 0) {
      this.#searched = this.#buffer.length;
      return this.pending >= this.#limit ? this.#spoil() : undefined;
    }
    const start = this.#offset;
    this.#offset = at + 1;
    this.#searched = at + 1;
    if (at === start || this.#buffer[at - 1] !== CR) {
      if (at + 1 - start > this.#limit) this.#skipping = { report: 'too-long', cr: false, octets: at + 1 - start };
      else this.#skipping = { report: undefined, cr: false, octets: 0 };
      return this.#skipping.report === undefined ? { defect: 'bare-lf' } : this.next();
    }
    if (at + 1 - start > this.#limit) return { defect: 'too-long' };
    const line = this.#buffer.subarray(start, at - 1);
    if (line.includes(0)) return { defect: 'nul' };
    if (line.includes(CR)) return { defect: 'bare-cr' };
    return { line };
  }

  /** Octets that were pushed and not yet given out. */
  get pending(): number {
    return this.#buffer.length - this.#offset;
  }

  /** Gives up to `octets` of what is pending to somebody else: content follows a command. Empty when nothing is pending. */
  take(octets: number): Buffer {
    const end = Math.min(this.#buffer.length, this.#offset + octets);
    const taken = this.#buffer.subarray(this.#offset, end);
    this.#offset = end;
    this.#searched = end;
    return taken;
  }

  /** Forgets everything, a started line too (RFC 3207 §4.2). */
  clear(): void {
    this.#buffer = EMPTY;
    this.#offset = 0;
    this.#searched = 0;
    this.#skipping = undefined;
  }

  #spoil(): LineEvent | undefined {
    const cr = this.#buffer[this.#buffer.length - 1] === CR;
    this.#skipping = { report: 'too-long', cr, octets: this.pending };
    this.#offset = this.#buffer.length;
    return this.#endless(this.#skipping);
  }

  /** Throws away up to the next CRLF. After a bare LF each further one is reported, since its sender waits for an answer. */
  #skip(state: Skipping): LineEvent | undefined {
    for (;;) {
      const at = this.#buffer.indexOf(LF, this.#offset);
      state.octets += (at < 0 ? this.#buffer.length : at + 1) - this.#offset;
      if (at < 0) {
        if (this.pending > 0) state.cr = this.#buffer[this.#buffer.length - 1] === CR;
        this.#offset = this.#buffer.length;
        this.#searched = this.#buffer.length;
        return this.#endless(state);
      }
      const crlf = at > this.#offset ? this.#buffer[at - 1] === CR : state.cr;
      this.#offset = at + 1;
      this.#searched = at + 1;
      state.cr = false;
      const endless = this.#endless(state);
      if (endless !== undefined) return endless;
      if (crlf) {
        this.#skipping = undefined;
        return state.report === undefined ? undefined : { defect: state.report };
      }
      if (state.report === undefined) {
        state.octets = 0;
        return { defect: 'bare-lf' };
      }
    }
  }

  #endless(state: Skipping): LineEvent | undefined {
    if (state.octets <= ENDLESS) return undefined;
    state.octets = 0;
    return { defect: 'endless' };
  }
}
