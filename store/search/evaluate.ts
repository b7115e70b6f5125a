/**
 * Answers a search by looking at messages, cheapest first: placements, then rows, headers, and last the text of those that
 * nothing cheaper has decided. Every backend uses it, alone or to verify what an index proposes.
 */
import { hasAttachment } from '#mail/mime/body-parts.ts';
import type { PlacementRows } from '../change.ts';
import type { SearchQuery } from '../search-query.ts';
import type { Columns, MessageRow } from '../store.ts';
import type { Uid, UidSet } from '../types.ts';
import { fromUids } from '../uid-set.ts';
import { type Candidate, decide, foldQuery, levelsOf } from './decide.ts';
import { filenames, searchableFields, searchableText } from './text.ts';

export interface SearchSource {
  /** All of the mailbox, or those that an index proposes; ascending. */
  readonly rows: PlacementRows;
  /** Milliseconds. */
  readonly now: number;
  /** As `MailStore.messages` and `MailStore.content`. */
  messages(uids: UidSet, columns: Columns): AsyncIterable<readonly MessageRow[]>;
  content(uid: Uid, start: number, end: number): AsyncIterable<Uint8Array>;
}

/** What is read at each level of `LEVEL_OF`, for those still undecided. */
const READS: readonly Columns[] = [
  {},
  {},
  { headers: true },
  { parts: true },
  { rawHeader: true },
  { parts: true, content: true },
];

export async function evaluateSearch(query: SearchQuery, source: SearchSource): Promise<UidSet> {
  const folded = foldQuery(query);
  const found: Uid[] = [];
  let undecided = new Map<Uid, Candidate>();
  const judge = (candidate: Candidate): void => {
    const verdict = decide(folded, candidate, source.now);
    if (verdict === true) found.push(candidate.uid);
    if (verdict === undefined) undecided.set(candidate.uid, candidate);
  };
  const { uids, modseqs, flags, flagSets } = source.rows;
  for (const [i, uid] of uids.entries()) judge({ uid, modseq: modseqs[i]!, flags: flagSets[flags[i]!]! });
  for (const level of levelsOf(folded)) {
    if (undecided.size === 0) break;
    const waiting = undecided;
    undecided = new Map();
    for await (const batch of source.messages(fromUids(waiting.keys()), READS[level]!)) {
      for (const row of batch) {
        const candidate = waiting.get(row.uid);
        if (candidate !== undefined) judge(await enrich(candidate, row, READS[level]!, source));
      }
    }
  }
  return fromUids(found);
}

/** Adds what was read. Octets are not kept while others are read: they may be many. */
async function enrich(candidate: Candidate, row: MessageRow, read: Columns, source: SearchSource): Promise<Candidate> {
  const { rawHeader, parts, content, ...small } = row;
  const next: Candidate = { ...candidate, row: { ...candidate.row, ...small } };
  if (rawHeader !== undefined) next.fields = searchableFields(rawHeader);
  if (parts !== undefined && read.content !== true) {
    next.attachment = hasAttachment(parts);
    next.filenames = filenames(parts);
  } else if (parts !== undefined) {
    next.text = await searchableText(parts, async (start, end) => {
      const [from, to] = [start + row.prefixLength, end + row.prefixLength];
      if (content !== undefined) return content.subarray(from, to);
      const chunks: Uint8Array[] = [];
      for await (const chunk of source.content(row.uid, from, to)) chunks.push(chunk);
      return Buffer.concat(chunks);
    });
  }
  return next;
}
