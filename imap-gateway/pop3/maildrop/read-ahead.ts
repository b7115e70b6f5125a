/**
 * Small messages read before they are asked for, by a client that asks for one after the other: some in one read, which the store does on this thread and
 * bounds by octets. Nothing here can be stale: messages don't change, and one that is removed meanwhile is served as long as the session knows it. What isn't here
 * (large, damaged, just gone) is left to whoever reads it alone.
 */
import type { MessageRow } from '#store/store.ts';
import type { Uid, UidSet } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';

/** As many as the store reads at once without a thread. */
const WINDOW = 16;

export class ReadAhead {
  readonly #column: 'content' | 'rawHeader';
  readonly #read: (uids: UidSet) => AsyncIterable<readonly MessageRow[]>;
  #last = -1;
  #inARow = false;
  readonly #window = new Map<Uid, MessageRow>();
  /** The greatest UID that was read with the window. */
  #upTo: Uid = 0;

  /** @param read with this column alone. */
  constructor(column: 'content' | 'rawHeader', read: (uids: UidSet) => AsyncIterable<readonly MessageRow[]>) {
    this.#column = column;
    this.#read = read;
  }

  /** The message at this place of `uids` if it is here; it is given once. */
  row(uids: Uint32Array, place: number): MessageRow | undefined {
    this.#inARow = place > 0 && place === this.#last + 1;
    this.#last = place;
    if (!this.#inARow) this.#forget();
    return this.#take(uids[place]!);
  }

  /** After `row`: the same once more of those were read that come next, if it looks as if they were wanted. */
  async fill(uids: Uint32Array, place: number): Promise<MessageRow | undefined> {
    // What is missing within the window would be missing again.
    if (!this.#inARow || uids[place]! <= this.#upTo) return undefined;
    this.#forget();
    try {
      for await (const rows of this.#read(fromUids(uids.subarray(place, place + WINDOW)))) {
        for (const row of rows) {
          this.#upTo = row.uid;
          if (row[this.#column] !== undefined) this.#window.set(row.uid, row);
        }
        break; // what is left is read when it is wanted
      }
    } catch {
      // Whoever reads what is missing alone hears why.
    }
    return this.#take(uids[place]!);
  }

  #forget(): void {
    this.#window.clear();
    this.#upTo = 0;
  }

  #take(uid: Uid): MessageRow | undefined {
    const row = this.#window.get(uid);
    this.#window.delete(uid);
    return row;
  }
}
