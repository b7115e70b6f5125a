/** Answers to SEARCH: ESEARCH (RFC 9051 §7.3.4, RFC 4731) and the untagged SEARCH of RFC 3501 §7.2.5. */
import type { ModSeq, UidSet } from '#store/types.ts';
import { formatSet } from './sets.ts';
import { formatString } from './strings.ts';

export interface EsearchData {
  readonly tag: string;
  /** Numbers are UIDs. */
  readonly uid: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly count?: number;
  /** Absent too when nothing was found: an empty set can't be written (RFC 4731 §3.1). */
  readonly all?: UidSet;
  /** RFC 7162 §3.1.5 */
  readonly modseq?: ModSeq;
}

export function formatEsearch(data: EsearchData): string {
  let out = `* ESEARCH (TAG ${formatString(data.tag, false)})`;
  if (data.uid) out += ' UID';
  if (data.min !== undefined) out += ` MIN ${data.min}`;
  if (data.max !== undefined) out += ` MAX ${data.max}`;
  if (data.count !== undefined) out += ` COUNT ${data.count}`;
  if (data.all !== undefined && data.all.length > 0) out += ` ALL ${formatSet(data.all)}`;
  if (data.modseq !== undefined) out += ` MODSEQ ${data.modseq}`;
  return `${out}\r\n`;
}

/** No hit still makes a response, without numbers (RFC 3501 §7.2.5). US-ASCII; there may be a hundred thousand numbers. */
export function formatSearch(numbers: UidSet, modseq?: ModSeq): Uint8Array {
  // RFC 7162 §3.1.5: the greatest modseq of what was found, never with an empty result.
  const end = modseq !== undefined && numbers.length > 0 ? ` (MODSEQ ${modseq})\r\n` : '\r\n';
  const room = numbers.reduce((sum, [first, last]) => sum + (last - first + 1) * (1 + String(last).length), 0);
  const out = Buffer.allocUnsafe(START.length + room + end.length);
  let at = out.write(START, 'latin1');
  for (const [first, last] of numbers) for (let n = first; n <= last; n++) at = writeNumber(out, at, n);
  at += out.write(end, at, 'latin1');
  return out.subarray(0, at);
}

const START = '* SEARCH';
const ZERO = 0x30;

/** A space and the number. */
function writeNumber(out: Buffer, at: number, n: number): number {
  let digits = 1;
  for (let power = 10; power <= n; power *= 10) digits++;
  out[at] = 0x20;
  let left = n;
  for (let i = at + digits; i > at; i--) {
    const rest = Math.floor(left / 10);
    out[i] = ZERO + left - rest * 10;
    left = rest;
  }
  return at + digits + 1;
}
