/** Splits a raw header section into its fields (RFC 5322 §2.2), tolerant of everything: bare LF, lines without a colon, missing end. */

export interface HeaderField {
  /** As written, without trailing white space before the colon (obsolete syntax, RFC 5322 §4.5). */
  readonly name: string;
  /** Everything behind the colon, folds included, without the line end that closes the field. */
  readonly value: string;
  /** Where the field starts and ends (its last line end included) in the section. */
  readonly start: number;
  readonly end: number;
}

export interface FieldLimits {
  /** More fields than this are passed over. */
  readonly fields: number;
}

export const FIELD_LIMITS: FieldLimits = { fields: 10_000 };

/**
 * @param header the section as a binary string (charset.ts), with or without its final empty line.
 * Lines that are no field and continue none (an mbox `From ` line, garbage) are passed over.
 */
export function splitFields(header: string, limits: FieldLimits = FIELD_LIMITS): HeaderField[] {
  const fields: HeaderField[] = [];
  const length = header.length;
  let start = 0;
  while (start < length && fields.length < limits.fields) {
    const lineEnd = endOfLine(header, start);
    if (isEmptyLine(header, start, lineEnd)) break;
    let end = lineEnd;
    while (end < length && isWhite(header.charCodeAt(end))) end = endOfLine(header, end);
    const colon = header.indexOf(':', start);
    if (colon > start && colon < lineEnd) {
      const name = trimBlank(header.slice(start, colon));
      // RFC 5322 §2.2: a name is printable ASCII without white space; anything else is garbage before a colon.
      if (name !== '' && !NOT_A_NAME.test(name))
        fields.push({ name, value: withoutLineEnd(header, colon + 1, end), start, end });
    }
    start = end;
  }
  return fields;
}

const NOT_A_NAME = /[\x00-\x20\x7f]/;

function endOfLine(header: string, from: number): number {
  const lf = header.indexOf('\n', from);
  return lf < 0 ? header.length : lf + 1;
}

const isWhite = (code: number): boolean => code === 0x20 || code === 0x09;

function isEmptyLine(header: string, start: number, end: number): boolean {
  return end - start === 1 ? header.charCodeAt(start) === 0x0a : end - start === 2 && header.startsWith('\r\n', start);
}

function withoutLineEnd(header: string, start: number, end: number): string {
  let stop = end;
  if (stop > start && header.charCodeAt(stop - 1) === 0x0a) {
    stop -= 1;
    if (stop > start && header.charCodeAt(stop - 1) === 0x0d) stop -= 1;
  }
  return header.slice(start, stop);
}

/** RFC 5322 §2.2.3: takes the line ends of folds away, leaves their white space, and trims the ends. */
export function unfold(value: string): string {
  return trimBlank(value.includes('\n') ? value.replace(/\r?\n/g, '') : value);
}

/** Takes spaces, tabs and line ends from both ends. `trim()` must not be used on binary strings: 0xA0 is half a UTF-8 character there. */
export function trimBlank(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

const isBlank = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d);

/**
 * The fields of a header section whose name is (or, with `not`, isn't) in `names`, as IMAP's HEADER.FIELDS wants them: octet for
 * octet in their order, then the empty line (RFC 9051 §6.4.5.1). Names compare without case.
 */
export function selectFields(header: string, names: readonly string[], not = false): string {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const chosen: string[] = [];
  for (const field of splitFields(header)) {
    if (wanted.has(field.name.toLowerCase()) !== not) {
      const text = header.slice(field.start, field.end);
      chosen.push(text.endsWith('\n') ? text : `${text}\r\n`);
    }
  }
  chosen.push('\r\n');
  return chosen.join('');
}
