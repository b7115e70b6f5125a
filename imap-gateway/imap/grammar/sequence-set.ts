/** Sets of message numbers as a client writes them (RFC 9051 §9 sequence-set): `1,3:5,7:*`, or `$` (RFC 5182). */
import type { Cursor } from './cursor.ts';

/** `*`: the greatest number in use. Greater than every number, so that ranges sort. */
export const STAR = Number.POSITIVE_INFINITY;

/** In the order as written: `5:2` is legal and means `2:5`. */
export type SequenceRange = readonly [from: number, to: number];

export type SequenceSet =
  | { readonly kind: 'ranges'; readonly ranges: readonly SequenceRange[] }
  /** The result that SEARCH … RETURN (SAVE) kept. */
  | { readonly kind: 'saved' };

const DOLLAR = 0x24;
const COMMA = 0x2c;
const COLON = 0x3a;
const ASTERISK = 0x2a;

export function parseSequenceSet(cursor: Cursor): SequenceSet {
  if (cursor.try(DOLLAR)) return { kind: 'saved' };
  const ranges: SequenceRange[] = [];
  do {
    const from = parseSequenceNumber(cursor);
    ranges.push([from, cursor.try(COLON) ? parseSequenceNumber(cursor) : from]);
  } while (cursor.try(COMMA));
  return { kind: 'ranges', ranges };
}

export function formatSequenceSet(set: SequenceSet): string {
  if (set.kind === 'saved') return '$';
  return set.ranges
    .map(([from, to]) => (from === to ? formatNumber(from) : `${formatNumber(from)}:${formatNumber(to)}`))
    .join(',');
}

/** Does a sequence set start here? For search keys, where it stands among words. */
export function atSequenceSet(cursor: Cursor): boolean {
  const next = cursor.peek();
  return next === DOLLAR || next === ASTERISK || (next >= 0x30 && next <= 0x39);
}

function parseSequenceNumber(cursor: Cursor): number {
  return cursor.try(ASTERISK) ? STAR : cursor.nzNumber();
}

const formatNumber = (value: number): string => (value === STAR ? '*' : String(value));
