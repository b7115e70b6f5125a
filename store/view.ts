/**
 * A mailbox as a session needs it (STORE.md §4): UIDs, modseqs and flags in typed arrays, made from a snapshot and kept
 * current by deltas. Shared by all sessions of a process (view-cache.ts); what a session has told its client is the session's own.
 */
import type { MailboxDelta, MailboxSnapshot, PlacementRows } from './change.ts';
import { changeFlags, flagKey } from './flags.ts';
import type { FlagChange } from './mutation.ts';
import type { Flags, MailboxId, ModSeq, Uid, UidSet } from './types.ts';
import { fromUids } from './uid-set.ts';

/** Bits of `bitsAt`, so that counting unseen messages or finding deleted ones compares no strings. */
export const BIT = { seen: 1, answered: 2, flagged: 4, deleted: 8, draft: 16 } as const;

const BIT_OF: ReadonlyMap<string, number> = new Map([
  ['\\seen', BIT.seen],
  ['\\answered', BIT.answered],
  ['\\flagged', BIT.flagged],
  ['\\deleted', BIT.deleted],
  ['\\draft', BIT.draft],
]);

/** What `apply` changed. A message that is `added` is not among `flagged`. */
export interface ViewChange {
  readonly modseq: ModSeq;
  readonly added: UidSet;
  /** Flags or modseq differ. */
  readonly flagged: UidSet;
  /** Were in the view, and are gone. */
  readonly vanished: UidSet;
  /** The mailbox is gone, or has got another UIDVALIDITY by a rename; nothing else comes after this. */
  readonly removed: boolean;
}

export class MailboxView {
  readonly mailbox: MailboxId;
  readonly uidValidity: number;
  #uidNext: Uid;
  #highestModseq: ModSeq;
  #modseq: ModSeq;
  #removed = false;
  #length = 0;
  #uids: Uint32Array;
  #modseqs: Float64Array;
  #flags: Uint32Array;
  /** What `indexOf` has found last: where to look first. */
  #last = -1;
  /** The UIDs in here now may stay in the hands of others (`lendUids`). */
  #lent = false;
  readonly #flagSets: { readonly flags: Flags; readonly bits: number }[] = [];
  readonly #flagSetIds = new Map<string, number>();

  /** The snapshot's columns are the view's own from now on: a large mailbox is opened without a copy of it. */
  constructor(snapshot: MailboxSnapshot) {
    this.mailbox = snapshot.mailbox;
    this.uidValidity = snapshot.uidValidity;
    this.#uidNext = snapshot.uidNext;
    this.#highestModseq = snapshot.highestModseq;
    this.#modseq = snapshot.modseq;
    this.#uids = snapshot.uids;
    this.#modseqs = snapshot.modseqs;
    this.#flags = snapshot.flags;
    this.#length = snapshot.uids.length;
    const ids = this.#internAll(snapshot);
    // Only sets that occur twice among the snapshot's are numbered differently here.
    if (ids.every((id, i) => id === i)) return;
    for (let i = 0; i < this.#length; i++) this.#flags[i] = ids[this.#flags[i]!]!;
  }

  get uidNext(): Uid {
    return this.#uidNext;
  }
  get highestModseq(): ModSeq {
    return this.#highestModseq;
  }
  /** The account's modseq up to which everything is in here. */
  get modseq(): ModSeq {
    return this.#modseq;
  }
  get removed(): boolean {
    return this.#removed;
  }
  get length(): number {
    return this.#length;
  }

  /** Index 0 is the message with sequence number 1, for a session that has no expunge pending. */
  uidAt(index: number): Uid {
    return this.#uids[index]!;
  }
  modseqAt(index: number): ModSeq {
    return this.#modseqs[index]!;
  }
  flagsAt(index: number): Flags {
    return this.#flagSets[this.#flags[index]!]!.flags;
  }
  /** Bits of `BIT`. */
  bitsAt(index: number): number {
    return this.#flagSets[this.#flags[index]!]!.bits;
  }
  /** Equal numbers mean equal flags, for the life of the view: something to cache formatted flags by. */
  flagSetAt(index: number): number {
    return this.#flags[index]!;
  }

  /** Every set of flags that has occurred in the life of the view. */
  flagSets(): Flags[] {
    return this.#flagSets.map(({ flags }) => flags);
  }

  /** All UIDs, ascending. A window on the view's own array: valid until the next `apply`, so copy what is to stay. */
  uids(): Uint32Array {
    return this.#uids.subarray(0, this.#length);
  }

  /** As `uids`, but what was lent stays as it is for good. Not to be written to. */
  lendUids(): Uint32Array {
    this.#lent = true;
    return this.uids();
  }

  /** As columns, for `evaluateSearch`; a copy. */
  rows(): PlacementRows {
    return {
      uids: this.#uids.slice(0, this.#length),
      modseqs: this.#modseqs.slice(0, this.#length),
      flags: this.#flags.slice(0, this.#length),
      flagSets: this.#flagSets.map((set) => set.flags),
    };
  }

  /** -1 when it is not there. Who asks for one after the other gets each without a search. */
  indexOf(uid: Uid): number {
    const next = this.#last + 1;
    const index = next < this.#length && this.#uids[next] === uid ? next : this.lowerBound(uid);
    if (index >= this.#length || this.#uids[index] !== uid) return -1;
    this.#last = index;
    return index;
  }

  /** The first index whose UID is not below `uid`; `length` when there is none. */
  lowerBound(uid: Uid): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#uids[middle]! < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Those of `uids` that are in the view. */
  existing(uids: UidSet): UidSet {
    const out: Uid[] = [];
    for (const [first, last] of uids) {
      for (let i = this.lowerBound(first); i < this.#length && this.#uids[i]! <= last; i++) out.push(this.#uids[i]!);
    }
    return fromUids(out);
  }

  /** How many messages have (or with `negated` lack) one of the bits. */
  count(bits: number, negated = false): number {
    let n = 0;
    for (let i = 0; i < this.#length; i++) if (((this.bitsAt(i) & bits) !== 0) !== negated) n++;
    return n;
  }

  /** Brings the view up to date with a delta that was asked since `modseq`. An older delta changes nothing. */
  apply(delta: MailboxDelta): ViewChange {
    const none: ViewChange = { modseq: this.#modseq, added: [], flagged: [], vanished: [], removed: this.#removed };
    if (delta.modseq < this.#modseq || this.#removed) return none;
    this.#modseq = delta.modseq;
    if (delta.removed || delta.uidValidity !== this.uidValidity) {
      this.#removed = true;
      return { ...none, modseq: delta.modseq, removed: true };
    }
    const vanished = this.existing(delta.vanished);
    this.#take(vanished);
    const { added, flagged } = this.#merge(delta.changed);
    this.#uidNext = delta.uidNext;
    this.#highestModseq = delta.highestModseq;
    return { modseq: delta.modseq, added: fromUids(added), flagged: fromUids(flagged), vanished, removed: false };
  }

  /**
   * A commit of flags that stands directly behind what is in here, told by its answer instead of a delta (`flags` as the answer spells
   * them). Anything else answers `undefined` and changes nothing.
   */
  applyFlags(modseq: ModSeq, change: FlagChange, flags: Flags, uids: UidSet): ViewChange | undefined {
    if (modseq !== this.#modseq + 1 || this.#removed) return undefined;
    this.#modseq = modseq;
    if (uids.length > 0) this.#highestModseq = modseq;
    // Sets that come up meanwhile are not changed again.
    const becomes = this.flagSets().map((before) => this.#intern(changeFlags(before, change, flags)));
    for (const [first, last] of uids) {
      const from = this.lowerBound(first);
      const to = this.lowerBound(last + 1);
      for (let i = from; i < to; i++) this.#flags[i] = becomes[this.#flags[i]!]!;
      this.#modseqs.fill(modseq, from, to);
    }
    return { modseq, added: [], flagged: uids, vanished: [], removed: false };
  }

  #merge(rows: PlacementRows): { added: Uid[]; flagged: Uid[] } {
    const ids = this.#internAll(rows);
    const added: Uid[] = [];
    const flagged: Uid[] = [];
    for (let i = 0; i < rows.uids.length; i++) {
      const uid = rows.uids[i]!;
      if (uid >= this.#uidNext) {
        this.#append(rows, i, ids);
        added.push(uid);
        continue;
      }
      const at = this.indexOf(uid);
      const flags = ids[rows.flags[i]!]!;
      // UIDs are never used again: one below UIDNEXT that is not here went away with a later delta.
      if (at < 0 || (this.#flags[at] === flags && this.#modseqs[at] === rows.modseqs[i])) continue;
      this.#flags[at] = flags;
      this.#modseqs[at] = rows.modseqs[i]!;
      flagged.push(uid);
    }
    return { added, flagged };
  }

  /** Closes the gaps in one pass over what stands behind the first. */
  #take(gone: UidSet): void {
    if (gone.length === 0) return;
    if (this.#lent) this.#uids = this.#uids.slice(0, this.#length);
    this.#lent = false;
    let to = this.lowerBound(gone[0]![0]);
    let range = 0;
    for (let from = to; from < this.#length; from++) {
      const uid = this.#uids[from]!;
      while (range < gone.length && gone[range]![1] < uid) range++;
      if (range < gone.length && uid >= gone[range]![0]) continue;
      this.#uids[to] = uid;
      this.#modseqs[to] = this.#modseqs[from]!;
      this.#flags[to] = this.#flags[from]!;
      to++;
    }
    this.#length = to;
  }

  #append(rows: PlacementRows, i: number, ids: readonly number[]): void {
    if (this.#length === this.#uids.length) this.#grow();
    this.#uids[this.#length] = rows.uids[i]!;
    this.#modseqs[this.#length] = rows.modseqs[i]!;
    this.#flags[this.#length] = ids[rows.flags[i]!]!;
    this.#length++;
  }

  #grow(): void {
    const room = Math.max(16, this.#length * 2);
    const uids = new Uint32Array(room);
    const modseqs = new Float64Array(room);
    const flags = new Uint32Array(room);
    uids.set(this.#uids.subarray(0, this.#length));
    modseqs.set(this.#modseqs.subarray(0, this.#length));
    flags.set(this.#flags.subarray(0, this.#length));
    this.#uids = uids;
    this.#modseqs = modseqs;
    this.#flags = flags;
  }

  /** For each of the rows' flag sets, the number under which this view has it. */
  #internAll(rows: PlacementRows): number[] {
    return rows.flagSets.map((flags) => this.#intern(flags));
  }

  #intern(flags: Flags): number {
    const key = flags.toSorted().join(' ');
    const known = this.#flagSetIds.get(key);
    if (known !== undefined) return known;
    const bits = flags.reduce((sum, flag) => sum | (BIT_OF.get(flagKey(flag)) ?? 0), 0);
    const id = this.#flagSets.push({ flags, bits }) - 1;
    this.#flagSetIds.set(key, id);
    return id;
  }
}
