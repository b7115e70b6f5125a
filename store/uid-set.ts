/**
 * Sets of UIDs as ranges (`UidSet` of types.ts): ascending, disjoint, not adjacent, both ends inclusive. Every function
 * here takes normal sets and gives normal sets; only `uidSet` takes anything.
 */
import type { Uid, UidSet } from './types.ts';

type Range = readonly [first: Uid, last: Uid];
type MutableRange = [first: Uid, last: Uid];

export const EMPTY: UidSet = [];
export const MAX_UID = 0xffff_ffff;
/** Every UID that there can be. */
export const ALL: UidSet = [[1, MAX_UID]];

/** Normalises ranges in any order, overlapping or turned round (RFC 9051 §9 seq-range: `4:2` is `2:4`). */
export function uidSet(ranges: Iterable<Range>): UidSet {
  const sorted = Array.from(ranges, ([a, b]): MutableRange => (a <= b ? [a, b] : [b, a])).sort((x, y) => x[0] - y[0]);
  const out: MutableRange[] = [];
  for (const range of sorted) append(out, range[0], range[1]);
  return out;
}

/** From single UIDs in any order; cheap when they ascend. */
export function fromUids(uids: Iterable<Uid>): UidSet {
  const out: MutableRange[] = [];
  let ascending = true;
  let previous = 0;
  for (const uid of uids) {
    if (uid < previous) ascending = false;
    previous = uid;
    const last = out.at(-1);
    if (last !== undefined && uid === last[1] + 1) last[1] = uid;
    else if (last === undefined || uid < last[0] || uid > last[1]) out.push([uid, uid]);
  }
  return ascending ? out : uidSet(out);
}

export const single = (uid: Uid): UidSet => [[uid, uid]];
export const isEmpty = (set: UidSet): boolean => set.length === 0;

export function count(set: UidSet): number {
  let n = 0;
  for (const [first, last] of set) n += last - first + 1;
  return n;
}

export function* iterate(set: UidSet): Generator<Uid> {
  for (const [first, last] of set) for (let uid = first; uid <= last; uid++) yield uid;
}

/** All members. Only for sets that name existing messages: `1:*` has four thousand million. */
export function toArray(set: UidSet): Uid[] {
  const out: Uid[] = [];
  for (const [first, last] of set) for (let uid = first; uid <= last; uid++) out.push(uid);
  return out;
}

export function contains(set: UidSet, uid: Uid): boolean {
  let low = 0;
  let high = set.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const range = set[middle]!;
    if (uid < range[0]) high = middle - 1;
    else if (uid > range[1]) low = middle + 1;
    else return true;
  }
  return false;
}

export function union(a: UidSet, b: UidSet): UidSet {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const out: MutableRange[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const x = a[i];
    const y = b[j];
    if (y === undefined || (x !== undefined && x[0] <= y[0])) {
      append(out, x![0], x![1]);
      i++;
    } else {
      append(out, y[0], y[1]);
      j++;
    }
  }
  return out;
}

export function intersect(a: UidSet, b: UidSet): UidSet {
  const out: MutableRange[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const x = a[i]!;
    const y = b[j]!;
    const first = Math.max(x[0], y[0]);
    const last = Math.min(x[1], y[1]);
    if (first <= last) out.push([first, last]);
    if (x[1] < y[1]) i++;
    else j++;
  }
  return out;
}

/** What is in `a` and not in `b`. */
export function subtract(a: UidSet, b: UidSet): UidSet {
  const out: MutableRange[] = [];
  let j = 0;
  for (const [first, last] of a) {
    let from = first;
    while (j < b.length && b[j]![1] < from) j++;
    for (let k = j; k < b.length && b[k]![0] <= last; k++) {
      const [cutFirst, cutLast] = b[k]!;
      if (cutFirst > from) out.push([from, cutFirst - 1]);
      from = cutLast + 1;
    }
    if (from <= last) out.push([from, last]);
  }
  return out;
}

/** Adds a range that starts no earlier than the last one does. */
function append(out: MutableRange[], first: Uid, last: Uid): void {
  const end = out.at(-1);
  if (end === undefined || first > end[1] + 1) out.push([first, last]);
  else if (last > end[1]) end[1] = last;
}
