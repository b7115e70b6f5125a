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

/** No hit still makes a response, without numbers (RFC 3501 §7.2.5). */
export function formatSearch(numbers: UidSet, modseq?: ModSeq): string {
  let out = '* SEARCH';
  for (const [first, last] of numbers) for (let n = first; n <= last; n++) out += ` ${n}`;
  // RFC 7162 §3.1.5: the greatest modseq of what was found, never with an empty result.
  if (modseq !== undefined && numbers.length > 0) out += ` (MODSEQ ${modseq})`;
  return `${out}\r\n`;
}
