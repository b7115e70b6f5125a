/**
 * A session's own message numbers (RFC 9051 §2.3.1.2, §5.5, §7.5.1). The map holds what the client has been told and nothing else: it changes only
 * in `takeExpunges` and `takeArrivals`, that is, when the untagged responses are written. What happened meanwhile waits here.
 *
 * Invariants: `uids` ascends; numbers are 1 to `count`; a number never changes its meaning but through an EXPUNGE response; a UID that
 * has vanished keeps its number until then. Ranges cost a binary search, so 1:* of a million messages is as cheap as 1.
 */
import type { ModSeq, Uid, UidSet } from '#store/types.ts';
import { contains, EMPTY, intersect, isEmpty, union } from '#store/uid-set.ts';

/** Message numbers, both ends inclusive. */
export type NumberRange = readonly [first: number, last: number];

/** What has changed since the numbering was last brought up to date. */
export interface Changed {
  readonly uids: Uint32Array;
  readonly modseqs: Float64Array;
}

export class Numbering {
  #uids: Uint32Array;
  #count: number;
  #vanished: UidSet = EMPTY;
  /** UIDs beyond the last one told, ascending. */
  #arrived: Uint32Array[] = [];
  #highest: Uid;
  /** Changed flags that wait, by UID. */
  #changed = new Map<Uid, ModSeq>();
  /** This session's own changes, which it has reported itself: the commit's modseq and the UIDs. */
  #told = new Map<ModSeq, UidSet>();

  /** @param uids ascending; copied. */
  constructor(uids: Uint32Array) {
    this.#uids = uids.slice();
    this.#count = uids.length;
    this.#highest = uids.at(-1) ?? 0;
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
    const index = this.#indexFrom(uid);
    return index < this.#count && this.#uids[index] === uid ? index + 1 : 0;
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
      const to = this.#indexFrom(last + 1);
      for (let at = this.#indexFrom(first); at < to; at++) {
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

  /** Takes in what happened: `changed` holds new and changed placements, ascending by UID. */
  apply(changed: Changed, vanished: UidSet): void {
    const { uids, modseqs } = changed;
    let at = 0;
    for (; at < uids.length && uids[at]! <= this.#highest; at++) this.#changed.set(uids[at]!, modseqs[at]!);
    if (at < uids.length) {
      this.#arrived.push(uids.slice(at));
      this.#highest = uids.at(-1)!;
    }
    if (isEmpty(vanished)) return;
    this.#vanished = union(this.#vanished, intersect(vanished, [[1, this.#highest]]));
  }

  /** The session has reported, or was asked not to report, its own change of flags: the commit's modseq and what it changed. */
  acknowledge(uids: UidSet, modseq: ModSeq): void {
    if (isEmpty(uids)) return;
    this.#told.set(modseq, union(this.#told.get(modseq) ?? EMPTY, uids));
  }

  get hasExpunges(): boolean {
    return !isEmpty(this.#vanished);
  }

  /** Numbers to report by EXPUNGE, ranges from the highest down, so that each is right when the ones before it have been taken in. */
  takeExpunges(): NumberRange[] {
    if (isEmpty(this.#vanished)) return [];
    const gone = this.numbersOf(this.#vanished);
    for (const [first, last] of this.#vanished) this.#forget(first, last);
    this.#dropArrived(this.#vanished);
    this.#vanished = EMPTY;
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

  /** Takes new messages into the map; true when `EXISTS` is to be reported. */
  takeArrivals(): boolean {
    const arrived = this.#arrived;
    if (arrived.length === 0) return false;
    this.#arrived = [];
    const added = arrived.reduce((sum, uids) => sum + uids.length, 0);
    this.#reserve(this.#count + added);
    for (const uids of arrived) {
      this.#uids.set(uids, this.#count);
      this.#count += uids.length;
    }
    return added > 0;
  }

  /**
   * Known messages whose flags were changed by others, ascending by UID. Vanished ones are passed over, and those that the client has not
   * been told of: it will ask for their flags when it is.
   */
  takeChanges(): Uid[] {
    if (this.#changed.size === 0) return [];
    const out: Uid[] = [];
    let newest = 0;
    for (const [uid, modseq] of this.#changed) {
      if (modseq > newest) newest = modseq;
      if (!this.#wasTold(uid, modseq) && !this.isVanished(uid) && this.number(uid) > 0) out.push(uid);
    }
    this.#changed.clear();
    for (const modseq of this.#told.keys()) if (modseq <= newest) this.#told.delete(modseq);
    return out.sort((a, b) => a - b);
  }

  #wasTold(uid: Uid, modseq: ModSeq): boolean {
    const uids = this.#told.get(modseq);
    return uids !== undefined && contains(uids, uid);
  }

  /** Index of the first told UID that is not below `uid`. */
  #indexFrom(uid: Uid): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#uids[middle]! < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #forget(first: Uid, last: Uid): void {
    if (this.#changed.size === 0) return;
    if (last - first < this.#changed.size) for (let uid = first; uid <= last; uid++) this.#changed.delete(uid);
    else for (const uid of this.#changed.keys()) if (uid >= first && uid <= last) this.#changed.delete(uid);
  }

  /** Messages that came and went before the client heard of them are never mentioned. */
  #dropArrived(vanished: UidSet): void {
    this.#arrived = this.#arrived
      .map((uids) => uids.filter((uid) => !contains(vanished, uid)))
      .filter((uids) => uids.length > 0);
  }

  #reserve(count: number): void {
    if (count <= this.#uids.length) return;
    const grown = new Uint32Array(Math.max(count, Math.ceil(this.#uids.length * 1.25)));
    grown.set(this.#uids.subarray(0, this.#count));
    this.#uids = grown;
  }
}
