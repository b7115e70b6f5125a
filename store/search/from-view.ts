/** Searches that placements decide alone (flags, UIDs, modseqs) are answered from the view, without asking the store. */

import type { SearchQuery } from '../search-query.ts';
import type { Uid, UidSet } from '../types.ts';
import { fromUids } from '../uid-set.ts';
import type { MailboxView } from '../view.ts';
import { type Candidate, decide, levelsOf } from './decide.ts';

/** `undefined` when messages have to be read. */
export function searchView(query: SearchQuery, columns: MailboxView): UidSet | undefined {
  if (levelsOf(query).some((level) => level > 0)) return undefined;
  return onlyFlags(query) ? byFlagSet(query, columns) : byMessage(query, columns);
}

function onlyFlags(query: SearchQuery): boolean {
  if (query.key === 'not') return onlyFlags(query.query);
  if (query.key === 'and' || query.key === 'or') return query.queries.every(onlyFlags);
  return query.key === 'flag' || query.key === 'all';
}

/** A mailbox has few sets of flags: each is judged once. */
function byFlagSet(query: SearchQuery, columns: MailboxView): UidSet {
  const verdicts = columns.flagSets().map((flags) => decide(query, { uid: 0, modseq: 0, flags }, 0) === true);
  const found: [Uid, Uid][] = [];
  let last: [Uid, Uid] | undefined;
  for (let i = 0; i < columns.length; i++) {
    if (!verdicts[columns.flagSetAt(i)]) continue;
    const uid = columns.uidAt(i);
    if (last !== undefined && last[1] + 1 === uid) last[1] = uid;
    else {
      last = [uid, uid];
      found.push(last);
    }
  }
  return found;
}

function byMessage(query: SearchQuery, columns: MailboxView): UidSet {
  const found: Uid[] = [];
  for (let i = 0; i < columns.length; i++) {
    const candidate: Candidate = { uid: columns.uidAt(i), modseq: columns.modseqAt(i), flags: columns.flagsAt(i) };
    if (decide(query, candidate, 0) === true) found.push(candidate.uid);
  }
  return fromUids(found);
}
