/**
 * Reads the tokens of RFC 9051 §9 from one complete command. Each method consumes what it names or throws a `ParseError` with the
 * position; methods named `try…` consume nothing when it isn't there. No backtracking, linear in the command.
 */
import { isUtf8 } from 'node:buffer';
import type { CommandPart } from '../framer.ts';
import { ASTRING, ATOM, CLASS, DIGIT, LIST, QUOTED, TAG } from './char-class.ts';
import { ParseError } from './parse-error.ts';

/** What `peek` answers besides octets. */
export const END = -1;
export const LITERAL = -2;

export const SP = 0x20;
export const DQUOTE = 0x22;
export const OPEN = 0x28;
export const CLOSE = 0x29;
const BACKSLASH = 0x5c;

const MAX_NUMBER = 0xffff_ffff;
/** RFC 9051 §9: number64 and mod-sequence-value are less than 2^63. */
const MAX_DIGITS_64 = 19;

export interface CursorOptions {
  /** UTF8=ACCEPT or IMAP4rev2 was enabled: quoted strings may hold UTF-8, mailbox names are UTF-8 (RFC 6855 §3, RFC 9051 §5.1). */
  readonly utf8?: boolean;
  /** Depth of parentheses, NOT and OR. */
  readonly maxDepth?: number;
}

export class Cursor {
  readonly utf8: boolean;
  readonly maxDepth: number;
  readonly #parts: readonly CommandPart[];
  #part = 0;
  #text: Buffer;
  #at = 0;
  /** Octets in the parts before the current text. */
  #before = 0;

  constructor(parts: readonly CommandPart[], options: CursorOptions = {}) {
    this.#parts = parts;
    this.#text = textOf(parts[0]);
    this.utf8 = options.utf8 ?? false;
    this.maxDepth = options.maxDepth ?? 20;
  }

  get position(): number {
    return this.#before + this.#at;
  }

  fail(message: string): never {
    throw new ParseError(message, this.position);
  }

  /** The next octet, `LITERAL` or `END`. */
  peek(): number {
    const octet = this.#text[this.#at];
    if (octet !== undefined) return octet;
    return this.#part + 1 < this.#parts.length ? LITERAL : END;
  }

  try(octet: number): boolean {
    if (this.#text[this.#at] !== octet) return false;
    this.#at++;
    return true;
  }

  expect(octet: number): void {
    if (!this.try(octet)) this.fail(`expected ${octet === SP ? 'a space' : `"${String.fromCharCode(octet)}"`}`);
  }

  sp(): void {
    this.expect(SP);
  }

  end(): void {
    if (this.peek() !== END) this.fail('unexpected argument');
  }

  /** RFC 9051 §9 tag. */
  tag(): string {
    return this.#run(TAG, 'a tag');
  }

  atom(): string {
    return this.#run(ATOM, 'an atom');
  }

  /** An atom in upper case: keywords of the protocol are case-insensitive. */
  keyword(): string {
    return this.atom().toUpperCase();
  }

  /** Octets of a class at this place, in upper case, without consuming them. */
  peekKeyword(): string {
    const end = this.#runEnd(ATOM);
    return this.#text.toString('latin1', this.#at, end).toUpperCase();
  }

  /** Consumes the word (given in upper case) if it stands here in any case and ends here. */
  tryKeyword(word: string): boolean {
    if (this.#runEnd(ATOM) - this.#at !== word.length || this.peekKeyword() !== word) return false;
    this.#at += word.length;
    return true;
  }

  /** Consumes the text (given in upper case) if it stands here in any case, whatever follows. */
  tryText(text: string): boolean {
    const here = this.#text.toString('latin1', this.#at, this.#at + text.length);
    if (here.toUpperCase() !== text) return false;
    this.#at += text.length;
    return true;
  }

  number(): number {
    const digits = this.#run(DIGIT, 'a number');
    const value = Number(digits);
    if (value > MAX_NUMBER) this.fail('number too large');
    return value;
  }

  nzNumber(): number {
    if (this.peek() === 0x30) this.fail('expected a non-zero number');
    return this.number();
  }

  /** number64 and mod-sequence-value: beyond 2^53 nothing of ours is, so greater values are read as the greatest safe one. */
  number64(): number {
    const digits = this.#run(DIGIT, 'a number');
    if (digits.length > MAX_DIGITS_64) this.fail('number too large');
    return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
  }

  digits(count: number): number {
    const end = this.#at + count;
    for (let i = this.#at; i < end; i++) {
      if (((CLASS[this.#text[i] ?? 0] ?? 0) & DIGIT) === 0) this.fail(`expected ${count} digits`);
    }
    const value = Number(this.#text.toString('latin1', this.#at, end));
    this.#at = end;
    return value;
  }

  /** Quoted or literal. */
  string(): Buffer {
    const next = this.peek();
    if (next === DQUOTE) return this.quoted();
    if (next === LITERAL) return this.literal();
    return this.fail('expected a string');
  }

  astring(): Buffer {
    const next = this.peek();
    if (next === DQUOTE || next === LITERAL) return this.string();
    return this.#runBytes(ASTRING, 'a string');
  }

  /** list-mailbox: an astring in which `%` and `*` may stand unquoted. */
  listMailbox(): Buffer {
    const next = this.peek();
    if (next === DQUOTE || next === LITERAL) return this.string();
    return this.#runBytes(LIST, 'a mailbox pattern');
  }

  /** NIL or a string. */
  nstring(): Buffer | undefined {
    return this.tryKeyword('NIL') ? undefined : this.string();
  }

  /** An astring that has to be UTF-8. */
  text(): string {
    return this.decode(this.astring());
  }

  decode(bytes: Buffer): string {
    if (!isUtf8(bytes)) this.fail('text is not UTF-8');
    return bytes.toString('utf8');
  }

  /** RFC 9051 §4.3: only `\"` and `\\` are escapes; no CR, LF, NUL; 8-bit octets only as UTF-8, and only once enabled. */
  quoted(): Buffer {
    this.expect(DQUOTE);
    const start = this.#at;
    let escaped = false;
    let eightBit = false;
    for (;;) {
      const octet = this.#text[this.#at];
      if (octet === undefined) return this.fail('quoted string is not closed');
      if (octet === DQUOTE) break;
      if (octet === BACKSLASH) {
        const next = this.#text[this.#at + 1];
        if (next !== DQUOTE && next !== BACKSLASH) this.fail('only \\" and \\\\ are escapes in a quoted string');
        escaped = true;
        this.#at += 2;
        continue;
      }
      if (octet >= 0x80) eightBit = true;
      else if (((CLASS[octet] ?? 0) & QUOTED) === 0) this.fail('octet not allowed in a quoted string');
      this.#at++;
    }
    const raw = this.#text.subarray(start, this.#at);
    if (eightBit && !(this.utf8 && isUtf8(raw))) this.fail('8-bit octets need a literal here');
    this.#at++;
    return escaped ? unescapeQuoted(raw) : raw;
  }

  /** A literal; NUL only in a literal8, and a literal8 only where `binary` allows it (RFC 3516 §4.4). */
  literal(options: { binary?: boolean } = {}): Buffer {
    const part = this.#parts[this.#part + 1];
    if (this.peek() !== LITERAL || part === undefined) return this.fail('expected a literal');
    if (part.kind !== 'literal') return this.fail('this literal is too large here');
    if (part.binary && options.binary !== true) this.fail('no literal8 here');
    if (!part.binary && part.bytes.includes(0)) this.fail('NUL in a literal');
    this.#passLiteral(part.bytes.length);
    return part.bytes;
  }

  /** Passes a literal that was, or will be, handed over as a stream. */
  streamedLiteral(): { readonly size: number; readonly binary: boolean } | undefined {
    const part = this.#parts[this.#part + 1];
    if (this.peek() !== LITERAL || part?.kind !== 'streamed') return undefined;
    this.#passLiteral(part.size);
    return part;
  }

  /** Everything up to the end of the text, for commands whose argument is free (RFC 9051 §6.3.13 none; AUTHENTICATE responses). */
  rest(): Buffer {
    const bytes = this.#text.subarray(this.#at);
    this.#at = this.#text.length;
    return bytes;
  }

  #passLiteral(size: number): void {
    this.#before += this.#text.length + size;
    this.#part += 2;
    this.#text = textOf(this.#parts[this.#part]);
    this.#at = 0;
  }

  #runEnd(wanted: number): number {
    const text = this.#text;
    let at = this.#at;
    while (at < text.length && ((CLASS[text[at] as number] as number) & wanted) !== 0) at++;
    return at;
  }

  #runBytes(wanted: number, what: string): Buffer {
    const end = this.#runEnd(wanted);
    if (end === this.#at) this.fail(`expected ${what}`);
    const bytes = this.#text.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  #run(wanted: number, what: string): string {
    return this.#runBytes(wanted, what).toString('latin1');
  }
}

const NOTHING = Buffer.alloc(0);

function textOf(part: CommandPart | undefined): Buffer {
  return part?.kind === 'text' ? part.bytes : NOTHING;
}

function unescapeQuoted(raw: Buffer): Buffer {
  const out = Buffer.allocUnsafe(raw.length);
  let length = 0;
  for (let i = 0; i < raw.length; i++) {
    if (raw[i] === BACKSLASH) i++;
    out[length++] = raw[i] as number;
  }
  return out.subarray(0, length);
}
