/**
 * A mailbox in the order of its lists: by the time at which a message was received, then by UID. Times never change, so the order of a mailbox is read
 * once and then kept with what is new; what has gone stays in it, and is passed over by whoever walks.
 */
import { MailError } from '#mail/failure.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, MailboxId, Uid, UidSet } from '#store/types.ts';
import { count, fromUids } from '#store/uid-set.ts';
import type { MailboxView } from '#store/view.ts';
import { Lru } from './lru.ts';

/** Where a list goes on: behind this message. */
export interface Position {
  readonly time: number;
  readonly uid: Uid;
}

export class MailboxOrder {
  #times = new Float64Array(0);
  #uids = new Uint32Array(0);
  #length = 0;
  /** UIDs up to this one are in here. */
  #last = 0;
  #running: Promise<void> = Promise.resolve();

  get length(): number {
    return this.#length;
  }
  timeAt(index: number): number {
    return this.#times[index]!;
  }
  uidAt(index: number): Uid {
    return this.#uids[index]!;
  }

  /** The time of a message; looked for, since it is asked of few. */
  find(uid: Uid): number | undefined {
    for (let i = this.#length - 1; i >= 0; i--) if (this.#uids[i] === uid) return this.#times[i];
    return undefined;
  }

  /** The last index that stands before the position in ascending order; -1 when there is none. */
  before({ time, uid }: Position): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#times[middle]!;
      if (at < time || (at === time && this.#uids[middle]! < uid)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Takes in what the view has and this has not. One after the other. */
  update(view: MailboxView, read: (uids: UidSet) => AsyncIterable<Found>): Promise<void> {
    if (view.uidNext - 1 <= this.#last) return this.#running;
    const run = (): Promise<void> => this.#update(view, read);
    this.#running = this.#running.then(run, run);
    return this.#running;
  }

  async #update(view: MailboxView, read: (uids: UidSet) => AsyncIterable<Found>): Promise<void> {
    const upTo = view.uidNext - 1;
    if (upTo <= this.#last) return;
    const added = view.uids().slice(view.lowerBound(this.#last + 1));
    const [times, uids] = [new Float64Array(added.length), new Uint32Array(added.length)];
    let n = 0;
    for await (const found of read(fromUids(added))) {
      for (let i = 0; i < found.uids.length && n < added.length; i++) {
        times[n] = found.times[i]!;
        uids[n++] = found.uids[i]!;
      }
    }
    this.#merge(times.subarray(0, n), uids.subarray(0, n), view);
    this.#last = upTo;
  }

  #merge(times: Float64Array, uids: Uint32Array, view: MailboxView): void {
    const order = Uint32Array.from(uids.keys()).sort((a, b) => times[a]! - times[b]! || uids[a]! - uids[b]!);
    // Those that went are left out where they are many.
    const sparse = this.#length > 1_000 && this.#length + uids.length > 2 * view.length;
    const [oldTimes, oldUids, oldLength] = [this.#times, this.#uids, this.#length];
    const room = oldLength + uids.length;
    const appends =
      !sparse && room <= oldUids.length && (order.length === 0 || !this.#isBefore(times, uids, order[0]!));
    if (!appends) {
      this.#times = new Float64Array(room + (room >> 3) + 16);
      this.#uids = new Uint32Array(room + (room >> 3) + 16);
      this.#length = 0;
    }
    let i = appends ? oldLength : 0;
    for (const k of order) {
      for (; i < oldLength && isLess(oldTimes[i]!, oldUids[i]!, times[k]!, uids[k]!); i++) {
        if (!sparse || view.indexOf(oldUids[i]!) >= 0) this.#append(oldTimes[i]!, oldUids[i]!);
      }
      this.#append(times[k]!, uids[k]!);
    }
    for (; i < oldLength; i++) if (!sparse || view.indexOf(oldUids[i]!) >= 0) this.#append(oldTimes[i]!, oldUids[i]!);
  }

  #isBefore(times: Float64Array, uids: Uint32Array, k: number): boolean {
    const last = this.#length - 1;
    return last >= 0 && isLess(times[k]!, uids[k]!, this.#times[last]!, this.#uids[last]!);
  }

  #append(time: number, uid: Uid): void {
    this.#times[this.#length] = time;
    this.#uids[this.#length++] = uid;
  }
}

const isLess = (time: number, uid: Uid, otherTime: number, otherUid: Uid): boolean =>
  time < otherTime || (time === otherTime && uid < otherUid);

/** Messages that are remembered, of all mailboxes together: 12 octets each. */
const MOST_MESSAGES = 2_000_000;
/** More are read from packed blocks. */
const MANY = 4_096;

interface Found {
  readonly uids: ArrayLike<Uid>;
  readonly times: ArrayLike<number>;
}

export class OrderCache {
  readonly #store: MailStore;
  readonly #orders = new Lru<MailboxOrder>(MOST_MESSAGES);

  constructor(store: MailStore) {
    this.#store = store;
  }

  /** Up to date with the view. */
  async of(access: Access, view: MailboxView): Promise<MailboxOrder> {
    const key = `${access.owner} ${view.mailbox} ${view.uidValidity}`;
    const order = this.#orders.get(key) ?? new MailboxOrder();
    await order.update(view, (uids) => this.#read(access, view.mailbox, uids));
    this.#orders.set(key, order, order.length + 100);
    return order;
  }

  async *#read(access: Access, mailbox: MailboxId, uids: UidSet): AsyncGenerator<Found> {
    let left = uids;
    if (count(uids) > MANY) {
      const missing = new Set<Uid>();
      for (const [first, last] of uids) for (let uid = first; uid <= last; uid++) missing.add(uid);
      for await (const blocks of this.#store.packed(access, mailbox, uids, [])) {
        for (const { head } of blocks) {
          const own = Array.from(head.uids.keys()).filter((i) => missing.delete(head.uids[i]!));
          yield { uids: own.map((i) => head.uids[i]!), times: own.map((i) => head.times[i]!) };
        }
      }
      left = fromUids([...missing].sort((a, b) => a - b));
    }
    if (left.length === 0) return;
    try {
      for await (const rows of this.#store.messages(access, mailbox, left, {})) {
        yield { uids: rows.map(({ uid }) => uid), times: rows.map(({ internalDate }) => internalDate.time) };
      }
    } catch (error) {
      // Damaged messages stand in no list.
      if (!(error instanceof MailError) || error.failure !== 'unavailable') throw error;
    }
  }
}
