/**
 * The push parser that every message passes on its way in: one pass over the bytes, linear in their number, in memory bounded by the
 * limits, and it never throws on what it is given. Bodies are skipped with native searches; only headers and lines that begin with
 * `--` are looked at in JavaScript. LF and CRLF both end a line, since APPEND may bring either.
 */
import { parameter } from '../header/parameters.ts';
import { formatBody } from './body-structure.ts';
import type { Delimiter } from './boundaries.ts';
import { formatEnvelope, indexHeaders } from './envelope.ts';
import { INDEX_LIMITS, type IndexLimits } from './limits.ts';
import { countLines, LineEnds } from './lines.ts';
import type { MessageIndex, PartNode } from './message-index.ts';
import { NO_FIELDS, type Part } from './part.ts';
import { PartStack } from './part-stack.ts';
import { PreviewTap } from './preview.ts';

export interface Indexer {
  /** The next bytes of the message; they may be reused once this returns. */
  push(bytes: Uint8Array): void;
  /** Ends the message; call it once. */
  finish(): MessageIndex;
}

export function createIndexer(limits: IndexLimits = INDEX_LIMITS): Indexer {
  return new Scanner(limits);
}

/** Indexes a message that is in memory. */
export function indexMessage(bytes: Uint8Array, limits: IndexLimits = INDEX_LIMITS): MessageIndex {
  const indexer = createIndexer(limits);
  indexer.push(bytes);
  return indexer.finish();
}

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
const DASHES_AT_LINE_START = Buffer.from('\n--');
const EMPTY = Buffer.alloc(0);
const NO_DELIMITER = -1;
const WAIT = -2;

class Scanner implements Indexer {
  private readonly limits: IndexLimits;
  private readonly stack: PartStack;
  private readonly preview = new PreviewTap();
  private readonly ends = new LineEnds();
  private size = 0;
  /** The bytes in hand, and where in the message they begin. */
  private buf: Buffer = EMPTY;
  private base = 0;
  /** The beginning of a line that can't be judged before more of it is there; short (`Boundaries.maxLine`). */
  private carry: Buffer = EMPTY;
  private inHeader = true;
  private atLineStart = true;
  /** Octets of the line end before the line in hand, and the octet before the bytes in hand. */
  private lineEnd = 0;
  private before = 0;
  /** The header in hand, as far as earlier chunks held it. */
  private pieces: Buffer[] = [];
  private pieceBytes = 0;
  private headerBudget: number;

  constructor(limits: IndexLimits) {
    this.limits = limits;
    this.stack = new PartStack(limits);
    this.headerBudget = limits.allHeaderBytes;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.size += view.length;
    this.ends.push(view);
    this.buf = this.carry.length === 0 ? view : Buffer.concat([this.carry, view]);
    this.base = this.size - this.buf.length;
    this.carry = EMPTY;
    this.run(false);
    this.buf = EMPTY;
  }

  finish(): MessageIndex {
    this.buf = this.carry;
    this.base = this.size - this.buf.length;
    this.run(true);
    // An embedded message whose header never came has an empty one, and so might the message in it.
    while (this.inHeader) this.endHeader(this.buf.length, this.buf.length, this.size);
    this.preview.end(this.size);
    this.stack.finish(this.size);
    return this.result();
  }

  /** @param last no more bytes will come: an unfinished line is judged as it is. */
  private run(last: boolean): void {
    let at = 0;
    while (at < this.buf.length) {
      const next = this.inHeader ? this.scanHeader(at, last) : this.scanBody(at, last);
      if (next < 0) return;
      at = next;
    }
    this.before = this.buf[this.buf.length - 1] ?? this.before;
  }

  /** Keeps the line that begins at `at` for the next chunk. */
  private keep(at: number): number {
    if (at > 0) this.before = this.buf[at - 1] as number;
    this.carry = Buffer.from(this.buf.subarray(at));
    return -1;
  }

  private scanHeader(from: number, last: boolean): number {
    const { buf } = this;
    let at = from;
    while (at < buf.length) {
      if (this.atLineStart) {
        const octet = buf[at];
        if (octet === LF) return this.endHeader(from, at, this.base + at + 1);
        if (octet === CR) {
          if (at + 1 < buf.length) {
            if (buf[at + 1] === LF) return this.endHeader(from, at, this.base + at + 2);
          } else if (!last) return this.keepHeader(from, at);
        } else if (octet === DASH && !this.stack.boundaries.none) {
          const lf = this.delimiterLine(at, last);
          if (lf === WAIT) return this.keepHeader(from, at);
          const found = lf === NO_DELIMITER ? undefined : this.stack.boundaries.match(buf, at, lf);
          if (found !== undefined) {
            // The empty line is missing: the part ends with its header. Its lines are its own, up to the delimiter.
            this.endHeader(from, at, this.base + at);
            this.lineEnd = 0;
            while (this.inHeader) this.endHeader(at, at, this.base + at);
            return this.passDelimiter(found, at, lf);
          }
        }
      }
      const lf = buf.indexOf(LF, at);
      this.atLineStart = lf >= 0;
      at = lf < 0 ? buf.length : lf + 1;
    }
    this.addPiece(from, at);
    return at;
  }

  private keepHeader(from: number, at: number): number {
    this.addPiece(from, at);
    return this.keep(at);
  }

  /** Header octets [from, to) of the bytes in hand are kept until the header is whole, within the limits. */
  private addPiece(from: number, to: number): void {
    if (to <= from) return;
    this.countLines(from, to);
    const room = Math.min(this.limits.headerBytes - this.pieceBytes, this.headerBudget - this.pieceBytes);
    if (to - from > room) this.stack.defects.add('header cut off');
    const stop = Math.min(to, from + Math.max(0, room));
    if (stop <= from) return;
    this.pieces.push(Buffer.from(this.buf.subarray(from, stop)));
    this.pieceBytes += stop - from;
  }

  /** The current header ends at `to` of the bytes in hand, its body begins at `bodyStart` of the message. Answers where to go on. */
  private endHeader(from: number, to: number, bodyStart: number): number {
    const header = this.takeHeader(from, to);
    const next = bodyStart - this.base;
    this.countLines(to, next);
    this.inHeader = this.stack.headerDone(header, bodyStart);
    this.atLineStart = true;
    this.lineEnd = 0;
    if (!this.inHeader) this.preview.begin(this.stack.current);
    return next;
  }

  private takeHeader(from: number, to: number): string {
    // The usual case needs no copy: the whole header lies in one chunk.
    const whole = this.pieces.length === 0 && to - from <= Math.min(this.limits.headerBytes, this.headerBudget);
    if (whole) {
      this.headerBudget -= to - from;
      this.countLines(from, to);
      return this.buf.toString('latin1', from, to);
    }
    this.addPiece(from, to);
    const header = Buffer.concat(this.pieces).toString('latin1');
    this.headerBudget -= this.pieceBytes;
    this.pieces = [];
    this.pieceBytes = 0;
    return header;
  }

  private scanBody(from: number, last: boolean): number {
    const { buf } = this;
    const { boundaries } = this.stack;
    if (boundaries.none) {
      this.pass(from, buf.length);
      return buf.length;
    }
    for (let at = from; ; ) {
      const lf = this.atLineStart ? this.delimiterLine(at, last) : NO_DELIMITER;
      if (lf === WAIT) {
        this.pass(from, at);
        return this.keep(at);
      }
      const found = lf === NO_DELIMITER ? undefined : boundaries.match(buf, at, lf);
      if (found !== undefined) {
        this.pass(from, at);
        return this.passDelimiter(found, at, lf);
      }
      const dashes = buf.indexOf(DASHES_AT_LINE_START, at);
      const lineFeed = dashes >= 0 ? dashes : this.lastLineFeed(at);
      if (lineFeed < 0) {
        this.atLineStart = false;
        this.pass(from, buf.length);
        return buf.length;
      }
      at = lineFeed + 1;
      this.atLineStart = true;
      this.lineEnd = this.lineEndAt(lineFeed);
      if (at === buf.length) {
        this.pass(from, at);
        return at;
      }
    }
  }

  /** The bytes in hand end with a line end, or with one and a single `-`: what comes next may be a delimiter. */
  private lastLineFeed(from: number): number {
    const end = this.buf.length;
    if (end - 1 >= from && this.buf[end - 1] === LF) return end - 1;
    return end - 2 >= from && this.buf[end - 1] === DASH && this.buf[end - 2] === LF ? end - 2 : -1;
  }

  private lineEndAt(lf: number): number {
    return (lf > 0 ? this.buf[lf - 1] : this.before) === CR ? 2 : 1;
  }

  /** Where the line that begins at `at` ends if it may be a delimiter: its LF, the end of the message, WAIT for more bytes, or NO_DELIMITER. */
  private delimiterLine(at: number, last: boolean): number {
    const { buf } = this;
    if (buf[at] !== DASH) return NO_DELIMITER;
    if (at + 1 >= buf.length) return last ? NO_DELIMITER : WAIT;
    if (buf[at + 1] !== DASH) return NO_DELIMITER;
    const lf = buf.indexOf(LF, at);
    if (lf >= 0) return lf;
    if (last) return buf.length;
    return buf.length - at > this.stack.boundaries.maxLine ? NO_DELIMITER : WAIT;
  }

  private passDelimiter(found: Delimiter, at: number, lf: number): number {
    const next = Math.min(lf + 1, this.buf.length);
    this.preview.end(this.base + at - this.lineEnd);
    this.inHeader = this.stack.delimiter(found, this.base + at, this.base + next, this.lineEnd);
    this.countLines(at, next);
    this.atLineStart = true;
    this.lineEnd = lf < this.buf.length ? this.lineEndAt(lf) : 0;
    return next;
  }

  /** Body octets [from, to) of the bytes in hand go by. */
  private pass(from: number, to: number): void {
    this.countLines(from, to);
    if (this.preview.active) this.preview.feed(this.buf.subarray(from, to));
  }

  private countLines(from: number, to: number): void {
    if (this.stack.wantsLines) this.stack.lines += countLines(this.buf, from, to);
  }

  private result(): MessageIndex {
    const { root } = this.stack;
    const fields = root.message ?? NO_FIELDS;
    const { basic, extended } = formatBody(root);
    return {
      size: this.size,
      envelope: Buffer.from(formatEnvelope(fields), 'latin1'),
      body: Buffer.from(basic, 'latin1'),
      bodystructure: Buffer.from(extended, 'latin1'),
      root: partNode(root),
      headers: indexHeaders(fields),
      preview: this.preview.text,
      sending: this.ends.facts,
      defects: [...this.stack.defects],
    };
  }
}

/** Depth is bounded by the limits. */
function partNode(part: Part): PartNode {
  const { content } = part;
  const charset = parameter(content, 'charset')?.value;
  // RFC 2183 §2.3; `name` of Content-Type is its older place.
  const filename = (content.disposition && parameter(content.disposition, 'filename')) ?? parameter(content, 'name');
  return {
    headerStart: part.headerStart,
    bodyStart: part.bodyStart,
    bodyEnd: part.bodyEnd,
    type: content.type,
    ...(charset === undefined ? {} : { charset }),
    encoding: content.encoding,
    ...(content.disposition === undefined ? {} : { disposition: content.disposition.value }),
    ...(filename === undefined ? {} : { filename: filename.value }),
    lines: part.lines,
    children: part.children.map(partNode),
  };
}
