/** Replies as a client reads them (RFC 5321 §4.2): push octets, get whole replies. A lone LF ends a line here too; what decides is the code. */
import type { Reply } from './reply.ts';

export interface ReplyLimits {
  /** Octets of one line. RFC 5321 §4.5.3.1.5 says 512; peers exceed it. */
  readonly line: number;
  /** Octets of one reply, all lines. */
  readonly reply: number;
}

export const REPLY_LIMITS: ReplyLimits = { line: 4096, reply: 65_536 };

/** The peer does not speak SMTP, or too much of it: the connection is of no use any more. */
export class ReplySyntaxError extends SyntaxError {
  constructor(message: string) {
    super(message);
    this.name = 'ReplySyntaxError';
  }
}

const LINE = /^([2-5]\d\d)(?:([ -])(.*))?$/s;
const ENHANCED = /^([245])\.(\d{1,3}\.\d{1,3})(?: |$)/;

export class ReplyParser {
  readonly #limits: ReplyLimits;
  #rest = '';
  #code = 0;
  #enhanced: string | undefined;
  #lines: string[] = [];
  #octets = 0;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(limits: ReplyLimits = REPLY_LIMITS) {
    this.#limits = limits;
  }

  /** Answers the replies that are whole now. Throws `ReplySyntaxError`. */
  push(chunk: Uint8Array): Reply[] {
    const replies: Reply[] = [];
    const text = this.#rest + this.#decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let at = text.indexOf('\n', this.#rest.length); at >= 0; at = text.indexOf('\n', start)) {
      const end = text[at - 1] === '\r' && at > start ? at - 1 : at;
      this.#check(at + 1 - start);
      const whole = this.#line(text.slice(start, end));
      if (whole !== undefined) replies.push(whole);
      start = at + 1;
    }
    this.#rest = text.slice(start);
    if (this.#rest.length > this.#limits.line) throw new ReplySyntaxError('reply line too long');
    return replies;
  }

  /** True in the middle of a reply. */
  get partial(): boolean {
    return this.#rest !== '' || this.#lines.length > 0;
  }

  #check(octets: number): void {
    this.#octets += octets;
    if (octets > this.#limits.line) throw new ReplySyntaxError('reply line too long');
    if (this.#octets > this.#limits.reply) throw new ReplySyntaxError('reply too long');
  }

  #line(line: string): Reply | undefined {
    const match = LINE.exec(line);
    if (match === null) throw new ReplySyntaxError(`not a reply: ${printable(line).slice(0, 80)}`);
    const code = Number(match[1]);
    // RFC 5321 §4.2.1: every line of a reply carries the same code.
    if (this.#lines.length > 0 && code !== this.#code) throw new ReplySyntaxError('a reply with two codes');
    this.#code = code;
    this.#text(printable(match[3] ?? ''));
    if (match[2] === '-') return undefined;
    const reply: Reply =
      this.#enhanced === undefined
        ? { code, lines: this.#lines }
        : { code, enhanced: this.#enhanced, lines: this.#lines };
    this.#lines = [];
    this.#enhanced = undefined;
    this.#octets = 0;
    return reply;
  }

  /** RFC 2034 §4: the enhanced code stands on each line. Its class is the code's (RFC 3463 §2); one that disagrees stays plain text. */
  #text(text: string): void {
    const match = ENHANCED.exec(text);
    const ours = match !== null && Number(match[1]) === Math.floor(this.#code / 100);
    const first = this.#lines.length === 0;
    if (ours && first) this.#enhanced = match[2];
    const strip = ours && match[2] === this.#enhanced;
    this.#lines.push(strip ? text.slice(match[0].length) : text);
  }
}

/** Replies end up in logs and reports: no control characters (a tab becomes a space). */
const printable = (text: string): string => text.replace(/\t/g, ' ').replace(/[\0-\x1f\x7f]/g, '');
