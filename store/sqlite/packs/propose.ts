/** Which messages a search has to look at: those whose packed addresses and subject have one of the query's needles, and those not packed. */
import type { PlacementRows } from '../../change.ts';
import { type PackedCells, unpackBlocks } from '../../packed.ts';
import { patternOf } from '../../search/holds.ts';
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
  const needles = rows.uids.length < MANY ? undefined : needlesOf(query);
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
export function hitsIn(cells: PackedCells, needles: readonly string[]): Set<number> {
  const hits = new Set<number>();
  /** Of all cells, where a needle wants it. */
  let text: string | undefined;
  for (const needle of needles) {
    const pattern = patternOf(needle);
    if (pattern === undefined) {
      findOctets(cells, Buffer.from(needle), hits);
      continue;
    }
    text ??= cells.bytes.toString();
    findPattern(cells, text, pattern, hits);
  }
  return hits;
}

function findOctets({ bytes, ends }: PackedCells, needle: Buffer, hits: Set<number>): void {
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

/** A needle over the end of one message and the beginning of the next proposes the first: whoever is proposed is looked at. */
function findPattern({ bytes, ends }: PackedCells, text: string, pattern: RegExp, hits: Set<number>): void {
  const all = new RegExp(pattern, 'g');
  const ascii = text.length === bytes.length;
  let cell = 0;
  /** A place in the text, and the same in octets. */
  let [at, octets] = [0, 0];
  for (let found = all.exec(text); found !== null; found = all.exec(text)) {
    octets = ascii ? found.index : octets + Buffer.byteLength(text.slice(at, found.index));
    at = found.index;
    while (ends[cell]! <= octets) cell++;
    hits.add(cell);
    // Another may begin within this one.
    all.lastIndex = at + 1;
  }
}
