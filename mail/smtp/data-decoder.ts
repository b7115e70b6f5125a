/**
 * The content of a message as it comes in. Behind DATA only CRLF.CRLF ends it, and a dot is un-stuffed only after CRLF (RFC 5321 §4.5.2); anything
 * laxer lets a second message be smuggled in with a bare LF (§2.3.8). Behind BDAT (`stuffed: false`) octets are counted elsewhere and only checked here.
 *
 * Spoilt content is read to its true end all the same, so that what follows is a command and not a part of it.
 * One pass over the octets without a call or an allocation per line: a mail of only `..` lines costs no more than any other.
 */
export type ContentDefect = 'bare-cr' | 'bare-lf' | 'nul' | 'line-too-long';

export interface DataDecoderOptions {
  /** True behind DATA, false behind BDAT. */
  readonly stuffed: boolean;
  /** `normalise` (authenticated submission) makes a bare CR or LF a CRLF and drops NUL, instead of reporting them. */
  readonly mode: 'refuse' | 'normalise';
  /** Octets of a text line, CRLF included, a stuffed dot not. */
  readonly lineLimit: number;
}

const EMPTY = Buffer.alloc(0);
const NUL = 0;
const LF = 10;
const CR = 13;
const DOT = 46;

// Where in the text the next octet stands.
/** Within a line. */
const TEXT = 0;
/** Behind a CR (which was given out). */
const AFTER_CR = 1;
/** Behind CRLF, or at the start: a dot counts here. */
const LINE_START = 2;
/** Behind a dot at the start of a line (held back). */
const AFTER_DOT = 3;
/** Behind dot and CR at the start of a line (both held back): LF is the end. */
const AFTER_DOT_CR = 4;
const END = 5;
type Place = typeof TEXT | typeof AFTER_CR | typeof LINE_START | typeof AFTER_DOT | typeof AFTER_DOT_CR | typeof END;

export class DataDecoder {
  readonly #normalise: boolean;
  readonly #lineStart: Place;
  readonly #lineLimit: number;
  #place: Place;
  /** Octets of the line that was begun in earlier chunks. */
  #lineLength = 0;
  #defect: ContentDefect | undefined;
  #rest: Buffer = EMPTY;

  // The chunk in hand: octets [#from, …) are content not yet copied; #out is used once something had to be left out or put in.
  #chunk: Buffer = EMPTY;
  #from = 0;
  #out: Buffer | undefined;
  #length = 0;

  constructor(options: DataDecoderOptions) {
    this.#normalise = options.mode === 'normalise';
    this.#lineStart = options.stuffed ? LINE_START : TEXT;
    this.#lineLimit = options.lineLimit;
    this.#place = this.#lineStart;
  }

  /** The first thing wrong with the content so far: it must be refused once its end has come. */
  get defect(): ContentDefect | undefined {
    return this.#defect;
  }

  /** True once CRLF.CRLF was seen; `rest` then holds what came behind it. Never behind BDAT. */
  get done(): boolean {
    return this.#place === END;
  }

  get rest(): Buffer {
    return this.#rest;
  }

  /** Answers the content in this chunk (a part of it or a copy, perhaps empty). Once there is a defect, what is answered has no meaning. */
  push(chunk: Uint8Array): Buffer {
    this.#chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#from = 0;
    this.#out = undefined;
    this.#length = 0;
    return this.#collect(this.#run());
  }

  /** BDAT LAST: the content ends here. Answers what is left to be added to it. */
  finish(): Buffer {
    if (this.#place !== AFTER_CR) return EMPTY;
    this.#place = TEXT;
    if (this.#normalise) return Buffer.of(LF);
    this.#defect ??= 'bare-cr';
    return EMPTY;
  }

  #collect(end: number): Buffer {
    if (this.#out === undefined) return this.#chunk.subarray(this.#from, end);
    this.#copyTo(end);
    return this.#out.subarray(0, this.#length);
  }

  /** Goes over the chunk; answers where its content ends, which is before octets that are held back. */
  #run(): number {
    const chunk = this.#chunk;
    const size = chunk.length;
    const words = wordsOf(chunk);
    const newLine = this.#lineStart;
    let place: Place = this.#place;
    let at = 0;
    // Where the current line starts; negative when it began in an earlier chunk.
    let line = -this.#lineLength;
    while (at < size) {
      if (place === TEXT) {
        // Most octets pass here: nothing up to CR is special but NUL, LF and CR.
        at = skipText(chunk, words, at);
        if (at === size) break;
      }
      const octet = chunk[at] as number;
      if (octet === LF && place === AFTER_CR) {
        place = newLine;
        at += 1;
        if (at - line > this.#lineLimit) this.#defect ??= 'line-too-long';
        line = at;
      } else if (octet === CR && (place === TEXT || place === LINE_START)) {
        place = AFTER_CR;
        at += 1;
      } else if (octet === DOT && place === LINE_START) {
        // The usual end, in one piece: nothing has to be copied.
        if (chunk[at + 1] === CR && chunk[at + 2] === LF) {
          this.#place = END;
          this.#rest = chunk.subarray(at + 3);
          return at;
        }
        // Held back: the end, or a dot that was doubled.
        this.#leaveOut(at, at + 1);
        place = AFTER_DOT;
        at += 1;
        line += 1;
      } else if (octet === CR && place === AFTER_DOT) {
        this.#leaveOut(at, at + 1);
        place = AFTER_DOT_CR;
        at += 1;
      } else if (octet === LF && place === AFTER_DOT_CR) {
        this.#place = END;
        this.#rest = chunk.subarray(at + 1);
        return at;
      } else {
        if (at - line > this.#lineLimit) this.#defect ??= 'line-too-long';
        place = this.#other(octet, place, at);
        at += 1;
        if (octet === LF || octet === CR) line = at;
      }
    }
    this.#place = place;
    this.#lineLength = size - line;
    if (this.#lineLength > this.#lineLimit) this.#defect ??= 'line-too-long';
    return size;
  }

  /** An octet that is no part of a regular line end or dot: text, or a defect. Answers the place behind it. */
  #other(octet: number, place: Place, at: number): Place {
    // The CR before this octet was a bare one.
    if (place === AFTER_CR) this.#bareCr(at, LF_ONLY);
    if (place === AFTER_DOT_CR) this.#bareCr(at, CRLF);
    if (octet === CR) return AFTER_CR;
    if (octet === LF) {
      this.#replace('bare-lf', at, CRLF);
      return TEXT;
    }
    if (octet === NUL) this.#replace('nul', at, EMPTY);
    return TEXT;
  }

  #bareCr(at: number, insert: Buffer): void {
    if (!this.#normalise) this.#defect ??= 'bare-cr';
    else this.#put(at, at, insert);
  }

  #replace(defect: ContentDefect, at: number, by: Buffer): void {
    if (!this.#normalise) this.#defect ??= defect;
    else this.#put(at, at + 1, by);
  }

  /** Content up to `start`, then `octets`, then what follows `end`. */
  #put(start: number, end: number, octets: Buffer): void {
    this.#leaveOut(start, end, true);
    for (const octet of octets) (this.#out as Buffer)[this.#length++] = octet;
  }

  #leaveOut(start: number, end: number, copy = false): void {
    if (this.#out === undefined && (copy || start > this.#from)) {
      // Each octet that is replaced gives way to two at most, and two may be owed from the chunk before.
      this.#out = Buffer.allocUnsafe((this.#normalise ? 2 : 1) * this.#chunk.length + 2);
    }
    if (this.#out !== undefined) this.#copyTo(start);
    this.#from = end;
  }

  #copyTo(end: number): void {
    const out = this.#out as Buffer;
    const chunk = this.#chunk;
    // A call of copy costs more than copying a short line by hand.
    if (end - this.#from > 48) {
      chunk.copy(out, this.#length, this.#from, end);
      this.#length += end - this.#from;
    } else {
      let to = this.#length;
      for (let i = this.#from; i < end; i += 1) out[to++] = chunk[i] as number;
      this.#length = to;
    }
    this.#from = end;
  }
}

/** The octets of `chunk` four at a time, from the first on that stands at a multiple of four. */
function wordsOf(chunk: Buffer): Int32Array {
  const lead = -chunk.byteOffset & 3;
  const count = Math.max(0, chunk.length - lead) >> 2;
  return count === 0 ? NO_WORDS : new Int32Array(chunk.buffer, chunk.byteOffset + lead, count);
}

/** The first octet from `at` on that is not above CR, else the end. Four octets at a time: every octet of every message passes here. */
function skipText(chunk: Buffer, words: Int32Array, from: number): number {
  const size = chunk.length;
  const lead = -chunk.byteOffset & 3;
  let at = from;
  for (;;) {
    // To the next whole word, or within the one that has a low octet.
    do {
      if (at === size || (chunk[at] as number) <= CR) return at;
      at += 1;
    } while (((at - lead) & 3) !== 0);
    let word = (at - lead) >> 2;
    while (word < words.length && !hasLow(words[word] as number)) word += 1;
    at = lead + 4 * word;
  }
}

/** Whether one of the four octets is below 14: subtracting 14 from it borrows, and its own high bit is not set. */
const hasLow = (word: number): boolean => (((word - 0x0e0e0e0e) | 0) & ~word & 0x80808080) !== 0;

const NO_WORDS = new Int32Array(0);
const CRLF = Buffer.from('\r\n');
const LF_ONLY = Buffer.from('\n');
