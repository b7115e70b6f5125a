/**
 * Reads an mbox as its octets come, whichever dialect it is: mboxrd as `MboxEncoder` writes it, and mboxo, whose unquoted `From ` lines in text are told from a
 * beginning by the time that a beginning has. LF or CRLF; what comes out has CRLF.
 */
import { binary } from './encoder.ts';
import { type FromLine, parseFromLine } from './from-line.ts';

export type MboxEvent =
  | { readonly type: 'begin'; readonly line: FromLine }
  | { readonly type: 'data'; readonly bytes: Buffer }
  | { readonly type: 'end' };

/** Longer than any line that begins a message. */
const LONGEST_FROM = 1000;
const BEGINNING = /(?:^|\n)From ([^\n]{0,1000})\n/g;
const BEGINNING_BEHIND_A_LINE = /\nFrom ([^\n]{0,1000})\n/g;

export class MboxDecoder {
  #carry = '';
  #at: 'before' | 'start' | 'quotes' | 'within' = 'before';
  #failed = false;

  /** True once what came is no mbox: it does not begin with `From `. Nothing more comes out. */
  get failed(): boolean {
    return this.#failed;
  }

  push(chunk: Uint8Array): MboxEvent[] {
    const events: MboxEvent[] = [];
    this.#carry += binary(chunk);
    if (this.#at === 'before' && !this.#first(events)) return events;
    for (let found = this.#beginning(); found !== undefined; found = this.#beginning()) {
      this.#data(events, withoutEmptyLine(this.#carry.slice(0, found.start), this.#at === 'start'));
      events.push({ type: 'end' }, { type: 'begin', line: found.line });
      this.#carry = this.#carry.slice(found.end);
      this.#at = 'start';
    }
    this.#decided(events);
    return events;
  }

  finish(): MboxEvent[] {
    const events: MboxEvent[] = [];
    if (this.#at === 'before') {
      // A file without a last line end, or with nothing but empty lines.
      if (this.#carry.trim() === '') return events;
      this.#carry += '\n';
      if (!this.#first(events)) return events;
    }
    if (/(?:^|\n)From [^\n]*$/.test(this.#carry)) events.push(...this.push(Buffer.from('\n')));
    this.#data(events, withoutEmptyLine(this.#carry, this.#at === 'start'));
    events.push({ type: 'end' });
    this.#carry = '';
    return events;
  }

  #first(events: MboxEvent[]): boolean {
    const text = this.#carry.replace(/^[\r\n]+/, '');
    this.#carry = text;
    const end = text.indexOf('\n');
    if (this.#failed || !text.startsWith('From '.slice(0, text.length)) || (end < 0 && text.length > LONGEST_FROM)) {
      this.#failed = true;
      this.#carry = '';
      return false;
    }
    if (end < 0) return false;
    events.push({ type: 'begin', line: parseFromLine(text.slice(0, end)) });
    this.#carry = text.slice(end + 1);
    this.#at = 'start';
    return true;
  }

  #beginning(): { start: number; end: number; line: FromLine } | undefined {
    if (!this.#carry.includes('From ')) return undefined;
    const pattern = this.#at === 'start' ? BEGINNING : BEGINNING_BEHIND_A_LINE;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(this.#carry); match !== null; match = pattern.exec(this.#carry)) {
      const line = parseFromLine(match[0].trim());
      const start = match.index + (match[0].startsWith('\n') ? 1 : 0);
      if (line.time !== undefined) return { start, end: match.index + match[0].length, line };
      pattern.lastIndex = match.index + match[0].length - 1;
    }
    return undefined;
  }

  /** Gives out what no later octet can change: all but the last line, and an empty line before that. */
  #decided(events: MboxEvent[]): void {
    const text = this.#carry;
    let cut = text.lastIndexOf('\n') + 1;
    if (text.length - cut > LONGEST_FROM + 5) {
      this.#piece(events, cut);
      return;
    }
    if (cut > 0) {
      const before = cut >= 2 && text[cut - 2] === '\r' ? cut - 2 : cut - 1;
      if (before === 0 ? this.#at === 'start' : text[before - 1] === '\n') cut = before;
    }
    this.#data(events, text.slice(0, cut));
    this.#carry = text.slice(cut);
  }

  /** A long line, but for the last octet: it may be the CR of the line's end, or the `>` that has to go. */
  #piece(events: MboxEvent[], lineStart: number): void {
    const text = this.#carry;
    const quotes = (lineStart > 0 || this.#at !== 'within') && /^>+$/.test(text.slice(lineStart));
    this.#data(events, text.slice(0, -1));
    this.#carry = text.slice(-1);
    this.#at = quotes ? 'quotes' : 'within';
  }

  #data(events: MboxEvent[], text: string): void {
    if (text === '') return;
    let plain = text;
    if (text.includes('From ')) {
      if (this.#at !== 'within') plain = plain.replace(/^>(?=>*From )/, '');
      plain = plain.replace(/\n>(?=>*From )/g, '\n');
    }
    this.#at = text.endsWith('\n') ? 'start' : this.#at;
    events.push({ type: 'data', bytes: Buffer.from(plain.replace(/(?<!\r)\n/g, '\r\n'), 'latin1') });
  }
}

/** The empty line in front of a beginning belongs to that. */
function withoutEmptyLine(text: string, atStart: boolean): string {
  const match = /(^|\n)\r?\n$/.exec(text.slice(-3));
  if (match === null) return text;
  const before = text.length - match[0].length;
  if (match[1] === '' && (before > 0 || !atStart)) return text;
  return text.slice(0, before + match[1]!.length);
}
