/** Which messages a search has to look at: those whose packed addresses and subject have one of the query's needles, and those not packed. */
import type { PlacementRows } from '../../change.ts';
import { type PackedCells, unpackBlocks } from '../../packed.ts';
import { needlesOf } from '../../search/needles.ts';
import type { SearchQuery } from '../../search-query.ts';
import type { Uid, UidSet } from '../../types.ts';
import { ALL } from '../../uid-set.ts';
import type { PackBatch } from './read.ts';

/** Smaller mailboxes are looked at whole. */
const MANY = 512;
const TERMS = ['terms'] as const;

/** @param query folded. @param read as `PackReader.batch`. */
export async function propose(
  rows: PlacementRows,
  query: SearchQuery,
  read: (uids: UidSet, columns: typeof TERMS) => PackBatch,
): Promise<PlacementRows> {
  const needles = rows.uids.length < MANY ? undefined : needlesOf(query)?.map((needle) => Buffer.from(needle));
  if (needles === undefined) return rows;
  /** Packed, and without a needle. */
  const passed = new Set<Uid>();
  for (let left: UidSet = ALL; left.length > 0; ) {
    const batch = read(left, TERMS);
    for (const { head, columns } of unpackBlocks(batch.packs, TERMS)) {
      const hits = hitsIn(columns.terms!, needles);
      for (const [i, uid] of head.uids.entries()) if (!hits.has(i)) passed.add(uid);
    }
    left = batch.rest;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const kept = Uint32Array.from(rows.uids.keys()).filter((i) => !passed.has(rows.uids[i]!));
  return {
    uids: kept.map((i) => rows.uids[i]!),
    modseqs: Float64Array.from(kept, (i) => rows.modseqs[i]!),
    flags: kept.map((i) => rows.flags[i]!),
    flagSets: rows.flagSets,
  };
}

/** The places of messages that have a needle. */
function hitsIn({ bytes, ends }: PackedCells, needles: readonly Buffer[]): Set<number> {
  const hits = new Set<number>();
  for (const needle of needles) {
    let cell = 0;
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at)) {
      while (ends[cell]! <= at) cell++;
      // A needle over the end of one message and the beginning of the next is none.
      if (at + needle.length <= ends[cell]!) hits.add(cell);
      else {
        at++;
        continue;
      }
      at = ends[cell]!;
    }
  }
  return hits;
}
