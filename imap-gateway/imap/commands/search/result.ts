/** What SEARCH answers and what it keeps for `$` (RFC 9051 §6.4.4, RFC 4731, RFC 5182 §2.1, RFC 7162 §3.1.5). */
import type { ModSeq, UidSet } from '#store/types.ts';
import { count, iterate, single } from '#store/uid-set.ts';
import type { SearchReturn } from '../../grammar/search-key.ts';
import { formatEsearch, formatSearch } from '../../response/esearch.ts';
import type { SelectedMailbox } from '../../session.ts';

export interface SearchResult {
  readonly tag: string;
  readonly uid: boolean;
  /** Of messages that the client knows. */
  readonly found: UidSet;
  /** The search named MODSEQ. */
  readonly modseq: boolean;
}

/** The old untagged SEARCH. */
export function oldAnswer(result: SearchResult, selected: SelectedMailbox): Uint8Array {
  const { found, uid, modseq } = result;
  return formatSearch(numbersIn(found, uid, selected), modseq ? greatestModseq(found, selected) : undefined);
}

/** ESEARCH; empty when only SAVE was asked (RFC 5182 §2.1). */
export function extendedAnswer(
  result: SearchResult,
  returns: readonly SearchReturn[],
  selected: SelectedMailbox,
): string {
  const asked = new Set(returns);
  if (asked.size === 1 && asked.has('SAVE')) return '';
  const { found, uid, tag } = result;
  const numbers = numbersIn(found, uid, selected);
  const min = numbers[0]?.[0];
  const max = numbers.at(-1)?.[1];
  const modseq = result.modseq ? greatestModseq(kept(found, asked), selected) : undefined;
  return formatEsearch({
    tag,
    uid,
    ...(asked.has('MIN') && min !== undefined && { min }),
    ...(asked.has('MAX') && max !== undefined && { max }),
    ...(asked.has('COUNT') && { count: count(numbers) }),
    ...(asked.has('ALL') && { all: numbers }),
    ...(modseq !== undefined && { modseq }),
  });
}

/** With MIN or MAX but neither ALL nor COUNT only those are meant: for `$`, and for the MODSEQ of the answer (RFC 4731 §3.2). */
export function kept(found: UidSet, asked: ReadonlySet<SearchReturn>): UidSet {
  const first = found[0];
  const last = found.at(-1);
  if (first === undefined || last === undefined || asked.has('ALL') || asked.has('COUNT')) return found;
  const min = asked.has('MIN');
  const max = asked.has('MAX');
  if (min && max) return first[0] === last[1] ? single(first[0]) : join(first[0], last[1]);
  if (min) return single(first[0]);
  return max ? single(last[1]) : found;
}

const join = (min: number, max: number): UidSet =>
  max === min + 1
    ? [[min, max]]
    : [
        [min, min],
        [max, max],
      ];

const numbersIn = (found: UidSet, uid: boolean, { numbering }: SelectedMailbox): UidSet =>
  uid ? found : numbering.numbersOf(found);

function greatestModseq(found: UidSet, { view }: SelectedMailbox): ModSeq | undefined {
  let greatest: ModSeq | undefined;
  for (const uid of iterate(found)) {
    const modseq = view.placement(uid)?.modseq;
    if (modseq !== undefined && (greatest === undefined || modseq > greatest)) greatest = modseq;
  }
  return greatest;
}
