/** Values with parameters: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183), with RFC 2231's continuations and charsets. */
import { decoderFor, decodeText, textOfBinary } from './charset.ts';
import { decodeWords } from './encoded-word.ts';
import { trimBlank } from './fields.ts';

export interface Parameter {
  /** Lower case, without `*`. */
  readonly name: string;
  /** Continuations joined (RFC 2231 §6), octets as on the wire. With `extended`, still in the form `charset'language'%41…`. */
  readonly raw: string;
  readonly extended: boolean;
  /** Decoded text: RFC 2231, else RFC 2047, else raw 8-bit. */
  readonly value: string;
}

export interface ParameterizedValue {
  /** Lower case, e.g. `text/plain` or `attachment`; empty when there is none. */
  readonly value: string;
  readonly parameters: readonly Parameter[];
}

export interface ParameterLimits {
  /** Parameters, each continuation counted (CVE-2026-27859 was a flood of them). */
  readonly count: number;
}

export const PARAMETER_LIMITS: ParameterLimits = { count: 200 };

/** @param text the field's value, unfolded, as a binary string. */
export function parseParameters(text: string, limits: ParameterLimits = PARAMETER_LIMITS): ParameterizedValue {
  const scanner = new Scanner(text);
  const value = scanner.head();
  const pieces = new Map<string, Piece[]>();
  for (let count = 0; count < limits.count; count += 1) {
    const piece = scanner.parameter();
    if (piece === undefined) break;
    const list = pieces.get(piece.name);
    if (list === undefined) pieces.set(piece.name, [piece]);
    else list.push(piece);
  }
  const parameters: Parameter[] = [];
  for (const [name, list] of pieces) {
    const made = join(name, list);
    if (made !== undefined) parameters.push(made);
  }
  return { value, parameters };
}

export const parameter = (parsed: Pick<ParameterizedValue, 'parameters'>, name: string): Parameter | undefined =>
  parsed.parameters.find((p) => p.name === name);

interface Piece {
  readonly name: string;
  /** `*0`, `*1` … of a continuation. */
  readonly section: number | undefined;
  readonly extended: boolean;
  readonly text: string;
}

const HEAD = /[^;]*/y;
const NAME = /[ \t\r\n;]*([^ \t\r\n=;]+)[ \t\r\n]*/y;
const PLAIN = /[ \t\r\n]*([^;]*)/y;
const QUOTED_START = /[ \t\r\n]*"/y;
/** RFC 2231 §7: `name*`, `name*3`, `name*3*`. */
const EXTENDED_NAME = /^([^*]+)(?:\*(\d{1,4}))?(\*)?$/;

class Scanner {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  head(): string {
    // A comment may stand beside the value: `text/plain (really)`.
    return withoutComment(this.match(HEAD)?.[0] ?? '').toLowerCase();
  }

  parameter(): Piece | undefined {
    for (;;) {
      const attribute = this.match(NAME)?.[1];
      if (attribute === undefined) return undefined;
      if (this.text.charAt(this.at) !== '=') continue;
      this.at += 1;
      const text = this.match(QUOTED_START) === null ? this.plainValue() : this.quotedValue();
      const parsed = EXTENDED_NAME.exec(attribute.toLowerCase());
      const name = parsed?.[1] ?? attribute.toLowerCase();
      const section = parsed?.[2];
      return {
        name,
        section: section === undefined ? undefined : Number(section),
        extended: parsed?.[3] !== undefined,
        text,
      };
    }
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  /** Unquoted blanks are against the grammar but meant: `name=my file.txt`. */
  private plainValue(): string {
    return withoutComment(this.match(PLAIN)?.[1] ?? '');
  }

  private quotedValue(): string {
    let out = '';
    let from = this.at;
    let i = from;
    for (; i < this.text.length; i += 1) {
      const c = this.text.charAt(i);
      if (c === '"') break;
      if (c === '\\' && i + 1 < this.text.length) {
        out += this.text.slice(from, i);
        i += 1;
        from = i;
      }
    }
    out += this.text.slice(from, i);
    this.at = i + 1;
    return out;
  }
}

function withoutComment(text: string): string {
  const open = text.indexOf('(');
  return trimBlank(open < 0 ? text : text.slice(0, open));
}

/** RFC 2231 §3 and §4.1: sections in numeric order; the charset stands in the first; plain and encoded sections may alternate. */
function join(name: string, pieces: readonly Piece[]): Parameter | undefined {
  const sections = pieces.filter((p) => p.section !== undefined).sort((a, b) => (a.section ?? 0) - (b.section ?? 0));
  if (sections[0]?.section === 0) {
    const run: Piece[] = [];
    for (const piece of sections) if (piece.section === run.length) run.push(piece);
    if (!run.some((p) => p.extended)) return simple(name, run.map((p) => p.text).join(''));
    return extended(name, run);
  }
  const whole = pieces.find((p) => p.section === undefined && p.extended);
  if (whole !== undefined) return extended(name, [whole]);
  const first = pieces.find((p) => p.section === undefined) ?? pieces[0];
  return first === undefined ? undefined : simple(name, first.text);
}

/** Encoded words within a parameter are forbidden (RFC 2047 §5 (3)) and everywhere. */
function simple(name: string, raw: string): Parameter {
  return { name, raw, extended: false, value: decodeWords(textOfBinary(raw)) };
}

function extended(name: string, run: readonly Piece[]): Parameter {
  const raw = run.map((p) => (p.extended ? p.text : escapePlain(p.text))).join('');
  const mark = /^([^']*)'([^']*)'/.exec(raw);
  const charset = mark?.[1] ?? '';
  const bytes = percentDecode(raw.slice(mark?.[0].length ?? 0));
  const known = charset === '' || decoderFor(charset) !== undefined;
  return { name, raw, extended: true, value: known ? decodeText(bytes, charset) : raw };
}

const escapePlain = (text: string): string =>
  text.replace(/[%'\x00-\x20\x7f-\xff]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);

function percentDecode(text: string): Uint8Array {
  const octets = text.replace(/%([0-9A-Fa-f]{2})/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(octets, 'latin1');
}

const TOKEN = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+$/;

/** `; name=value`, quoted where needed, as RFC 2231 UTF-8 where the text is not ASCII. Folding is the caller's. */
export function formatParameter(name: string, value: string): string {
  if (/[^\x20-\x7e]/.test(value)) {
    const encoded = Array.from(Buffer.from(value.toWellFormed(), 'utf8'), (octet) => percent(octet)).join('');
    return `; ${name}*=UTF-8''${encoded}`;
  }
  return TOKEN.test(value) ? `; ${name}=${value}` : `; ${name}="${value.replace(/[\\"]/g, '\\$&')}"`;
}

function percent(octet: number): string {
  const c = String.fromCharCode(octet);
  return /[0-9A-Za-z.\-_]/.test(c) ? c : `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
}
