/** What stands in the brackets of BODY[…] and BINARY[…], and the partial behind them (RFC 9051 §6.4.5). */
import { type Cursor, SP } from './cursor.ts';
import { parseParenthesised } from './list.ts';

/** `part` is empty for the message itself. `fields` are as the client wrote them: the answer repeats them. */
export interface SectionSpec {
  readonly part: readonly number[];
  readonly text?: 'HEADER' | 'TEXT' | 'MIME' | 'HEADER.FIELDS' | 'HEADER.FIELDS.NOT';
  readonly fields?: readonly string[];
}

/** `<offset.length>`: length is at least 1. */
export interface Partial {
  readonly offset: number;
  readonly length: number;
}

const CLOSE_BRACKET = 0x5d;
const DOT = 0x2e;
const LESS = 0x3c;
const GREATER = 0x3e;

/** From behind `[` through `]`. */
export function parseSection(cursor: Cursor): SectionSpec {
  const part: number[] = [];
  // A word follows the last dot, or stands alone.
  const wordFollows = !isDigit(cursor.peek()) || parsePartNumbers(cursor, part);
  if (part.length === 0 && cursor.try(CLOSE_BRACKET)) return { part };
  const section = wordFollows ? { part, ...parseSectionText(cursor, part.length > 0) } : { part };
  cursor.expect(CLOSE_BRACKET);
  return section;
}

/** From behind `[` through `]`: numbers only. */
export function parseBinaryPart(cursor: Cursor): readonly number[] {
  const part: number[] = [];
  if (cursor.try(CLOSE_BRACKET)) return part;
  if (parsePartNumbers(cursor, part)) cursor.fail('expected a part number');
  cursor.expect(CLOSE_BRACKET);
  return part;
}

export function parsePartial(cursor: Cursor): Partial | undefined {
  if (!cursor.try(LESS)) return undefined;
  const offset = cursor.number64();
  cursor.expect(DOT);
  const length = cursor.number64();
  if (length === 0) cursor.fail('a partial has at least one octet');
  cursor.expect(GREATER);
  return { offset, length };
}

const isDigit = (octet: number): boolean => octet >= 0x30 && octet <= 0x39;

/** Reads `1.2` into `part`; true when a dot follows that no number stands behind. */
function parsePartNumbers(cursor: Cursor, part: number[]): boolean {
  do {
    part.push(cursor.nzNumber());
    if (part.length > cursor.maxDepth * 10) cursor.fail('section too deep');
    if (!cursor.try(DOT)) return false;
  } while (isDigit(cursor.peek()));
  return true;
}

function parseSectionText(cursor: Cursor, inPart: boolean): Omit<SectionSpec, 'part'> {
  if (cursor.tryText('HEADER.FIELDS.NOT')) return { text: 'HEADER.FIELDS.NOT', fields: parseFields(cursor) };
  if (cursor.tryText('HEADER.FIELDS')) return { text: 'HEADER.FIELDS', fields: parseFields(cursor) };
  if (cursor.tryText('HEADER')) return { text: 'HEADER' };
  if (cursor.tryText('TEXT')) return { text: 'TEXT' };
  if (inPart && cursor.tryText('MIME')) return { text: 'MIME' };
  return cursor.fail('unknown section');
}

function parseFields(cursor: Cursor): string[] {
  cursor.expect(SP);
  return parseParenthesised(cursor, (c) => c.astring().toString('latin1'), 'filled');
}
