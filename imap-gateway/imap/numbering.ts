/**
 * A session's own message numbers (RFC 9051 §2.3.1.2, §5.5, §7.5.1). The map holds what the client has been told and nothing else: it changes only
 * in `takeExpunges` and `takeArrivals`, that is, when the untagged responses are written. What happened meanwhile waits here.
 *
 * Invariants: `uids` ascends; numbers are 1 to `count`; a number never changes its meaning but through an EXPUNGE response; a UID that
 * has vanished keeps its number until then. Ranges cost a binary search, so 1:* of a million messages is as cheap as 1.
 */
import type { ModSeq, Uid, UidSet } from '#store/types.ts';
import {
  contains,
  EMPTY,
  fromUids,
  intersect,
  isEmpty,
  iterate,
  count as sizeOf,
  subtract,
  toArray,
  union,
} from '#store/uid-set.ts';

/** Message numbers, both ends inclusive. */
export type NumberRange = readonly [first: number, last: number];

/** What happened in the mailbox, as `ViewChange` of store/view.ts tells it. */
export interface Happened {
  readonly added: UidSet;
  /** Flags or modseq differ. */
  readonly flagged: UidSet;
  readonly vanished: UidSet;
}

export class Numbering {
  #uids: Uint32Array;
  /** `#uids` is others' memory, and never written to. */
  #borrowed = true;
  #count: number;
  /** What `#indexFrom` has answered last. */
  #near = 0;
  /** What `number` has found last: where to look first. */
  #last = -1;
  #vanished: UidSet = EMPTY;
  /** New messages that wait: all beyond the last one told. */
  #arrived: UidSet = EMPTY;
  /** Changed flags that wait. */
  #flagged: UidSet = EMPTY;
  /** This session's own changes, which it has reported itself: the commit's modseq and the UIDs. */
  #told = new Map<ModSeq, UidSet>();

  /** @param uids ascending; not to be changed afterwards. Copied when numbers change first, which in most sessions is never. */
  constructor(uids: Uint32Array) {
    this.#uids = uids;
    this.#count = uids.length;
  }

  /** As the client counts: the last EXISTS less the EXPUNGEs since. */
  get count(): number {
    return this.#count;
  }

  /** The message's UID; `undefined` when there is no such number. */
  uid(number: number): Uid | undefined {
    return number > 0 && number <= this.#count ? this.#uids[number - 1] : undefined;
  }

  /** The message's number; 0 when the client doesn't know the UID. */
  number(uid: Uid): number {
    const next = this.#last + 1;
    const index = next < this.#count && this.#uids[next] === uid ? next : this.#indexFrom(uid);
    if (index >= this.#count || this.#uids[index] !== uid) return 0;
    this.#last = index;
    return index + 1;
  }

  /** The numbers of the known messages with UIDs from `first` to `last`; `undefined` when there are none. */
  numbers(first: Uid, last: Uid): NumberRange | undefined {
    const from = this.#indexFrom(first);
    const to = this.#indexFrom(last + 1);
    return to > from ? [from + 1, to] : undefined;
  }

  /** As `numbers`, for a whole set: ascending, not adjacent. */
  numbersOf(uids: UidSet): NumberRange[] {
    const out: [number, number][] = [];
    for (const [first, last] of uids) {
      const found = this.numbers(first, last);
      if (found === undefined) continue;
      const end = out.at(-1);
      if (end !== undefined && end[1] + 1 === found[0]) end[1] = found[1];
      else out.push([found[0], found[1]]);
    }
    return out;
  }

  /**
   * The UIDs between the two numbers. One range, however many gaps lie in it: what lies in a gap was expunged before and is unknown here, so
   * whoever may read expunged messages passes over UIDs whose `number` is 0.
   */
  uids(first: number, last: number): UidSet {
    const from = this.uid(Math.min(first, last));
    const to = this.uid(Math.max(first, last));
    return from === undefined || to === undefined ? EMPTY : [[from, to]];
  }

  /** Exactly the known UIDs of `uids`. */
  known(uids: UidSet): UidSet {
    const out: [Uid, Uid][] = [];
    for (const [first, last] of uids) {
      const from = this.#indexFrom(first);
      const to = this.#indexFrom(last + 1);
      if (to === from) continue;
      // Ascending, and no more numbers than places for them: no gap.
      const [low, high] = [this.#uids[from]!, this.#uids[to - 1]!];
      if (high - low === to - 1 - from) {
        const end = out.at(-1);
        if (end !== undefined && end[1] + 1 === low) end[1] = high;
        else out.push([low, high]);
        continue;
      }
      for (let at = from; at < to; at++) {
        const uid = this.#uids[at]!;
        const end = out.at(-1);
        if (end !== undefined && end[1] + 1 === uid) end[1] = uid;
        else out.push([uid, uid]);
      }
    }
    return out;
  }

  /** The UID that `*` means, the highest the client knows; `undefined` in an empty mailbox. */
  get last(): Uid | undefined {
    return this.uid(this.#count);
  }

  /** Known to the client and gone from the mailbox. */
  isVanished(uid: Uid): boolean {
    return contains(this.#vanished, uid);
  }

  get vanished(): UidSet {
    return this.#vanished;
  }

  /** Takes in what happened; nothing of it is told yet. */
  apply(happened: Happened): void {
    const { added, flagged, vanished } = happened;
    this.#arrived = union(this.#arrived, added);
    this.#flagged = union(this.#flagged, flagged);
    if (isEmpty(vanished)) return;
    // Messages that came and went before the client heard of them are never mentioned.
    this.#arrived = subtract(this.#arrived, vanished);
    this.#flagged = subtract(this.#flagged, vanished);
    this.#vanished = union(this.#vanished, this.known(vanished));
  }

  /**
   * Goes back to what the client was told before this map was made: all UIDs below `uidNext`, those among `vanished` included. What has happened since
   * waits like anything else. Only before a number of this map was used.
   */
  rewind(uidNext: Uid, { flagged, vanished }: Omit<Happened, 'added'>): void {
    const told: UidSet = [[1, uidNext - 1]];
    const kept = this.#indexFrom(uidNext);
    const gone = toArray(intersect(vanished, told)).filter((uid) => this.number(uid) === 0);
    const before = new Uint32Array(kept + gone.length);
    before.set(this.#uids.subarray(0, kept));
    before.set(gone, kept);
    const added = fromUids(this.#uids.subarray(kept, this.#count));
    this.#uids = before.sort();
    this.#borrowed = false;
    this.#count = before.length;
    this.#near = 0;
    this.#last = -1;
    this.apply({ added, flagged: intersect(flagged, told), vanished: fromUids(gone) });
  }

  /** The session has reported, or was asked not to report, its own change of flags: the commit's modseq and what it changed. */
  acknowledge(uids: UidSet, modseq: ModSeq): void {
    if (isEmpty(uids)) return;
    this.#told.set(modseq, union(this.#told.get(modseq) ?? EMPTY, uids));
  }

  /** Something waits to be told. */
  get pending(): boolean {
    return !isEmpty(this.#vanished) || !isEmpty(this.#arrived) || !isEmpty(this.#flagged);
  }

  /** Numbers to report by EXPUNGE, ranges from the highest down, so that each is right when the ones before it have been taken in. */
  takeExpunges(): NumberRange[] {
    if (isEmpty(this.#vanished)) return [];
    const gone = this.numbersOf(this.#vanished);
    this.#vanished = EMPTY;
    if (this.#borrowed) this.#own(this.#count);
    let kept = 0;
    let from = 0;
    for (const [first, last] of gone) {
      this.#uids.copyWithin(kept, from, first - 1);
      kept += first - 1 - from;
      from = last;
    }
    this.#uids.copyWithin(kept, from, this.#count);
    this.#count = kept + this.#count - from;
    return gone.reverse();
  }

  /** Takes new messages into the map; true when EXISTS is to be reported. */
  takeArrivals(): boolean {
    const arrived = this.#arrived;
    if (isEmpty(arrived)) return false;
    this.#arrived = EMPTY;
    this.#reserve(this.#count + sizeOf(arrived));
    for (const uid of iterate(arrived)) this.#uids[this.#count++] = uid;
    return true;
  }

  /**
   * Known messages whose flags were changed by others, ascending by UID.
   * @param modseqOf the present modseq of a placement. @param upTo the modseq up to which everything was applied.
   */
  takeFlagged(modseqOf: (uid: Uid) => ModSeq | undefined, upTo: ModSeq): Uid[] {
    const out: Uid[] = [];
    for (const [first, last] of this.#flagged) {
      const from = this.#indexFrom(first);
      const to = this.#indexFrom(last + 1);
      for (let at = from; at < to; at++) {
        const uid = this.#uids[at]!;
        const modseq = modseqOf(uid);
        if (modseq !== undefined && !this.#wasTold(uid, modseq)) out.push(uid);
      }
    }
    // What the client has not been told of, it will ask for when it is.
    this.#flagged = EMPTY;
    for (const modseq of this.#told.keys()) if (modseq <= upTo) this.#told.delete(modseq);
    return out;
  }

  #wasTold(uid: Uid, modseq: ModSeq): boolean {
    if (this.#told.size === 0) return false;
    const uids = this.#told.get(modseq);
    return uids !== undefined && contains(uids, uid);
  }

  /** Index of the first told UID that is not below `uid`. */
  #indexFrom(uid: Uid): number {
    // Sets are gone through upwards: the next one is often near the one before.
    let low = this.#near < this.#count && this.#uids[this.#near]! < uid ? this.#near : 0;
    let step = 1;
    while (low + step < this.#count && this.#uids[low + step]! < uid) {
      low += step;
      step *= 2;
    }
    let high = Math.min(low + step, this.#count);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#uids[middle]! < uid) low = middle + 1;
      else high = middle;
    }
    this.#near = low;
    return low;
  }

  #reserve(count: number): void {
    if (this.#borrowed || count > this.#uids.length) this.#own(Math.max(count, Math.ceil(this.#count * 1.25)));
  }

  #own(room: number): void {
    const own = new Uint32Array(room);
    own.set(this.#uids.subarray(0, this.#count));
    this.#uids = own;
    this.#borrowed = false;
  }
}
