/** Searches that placements decide alone (flags, UIDs, modseqs) are answered from the view, without asking the store. */
import { type Candidate, decide, levelsOf } from '#store/search/decide.ts';
import type { SearchQuery } from '#store/search-query.ts';
import type { Uid, UidSet } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';
import type { MailboxView } from '#store/view.ts';

/** `undefined` when messages have to be read. */
export function searchView(query: SearchQuery, columns: MailboxView): UidSet | undefined {
  if (levelsOf(query).some((level) => level > 0)) return undefined;
  const found: Uid[] = [];
  for (let i = 0; i < columns.length; i++) {
    const candidate: Candidate = { uid: columns.uidAt(i), modseq: columns.modseqAt(i), flags: columns.flagsAt(i) };
    if (decide(query, candidate, 0) === true) found.push(candidate.uid);
  }
  return fromUids(found);
}
