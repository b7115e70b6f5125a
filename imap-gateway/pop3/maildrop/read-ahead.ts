/**
 * Small messages read before they are asked for, by a client that asks for one after the other: a window of them in one read on a thread of the store, the next
 * one while this one is sent. What isn't there (large, damaged, just gone) is left to whoever reads it alone. Two windows are held at most.
 */
import type { MessageRow } from '#store/store.ts';
import type { Uid, UidSet } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';

/** Messages of a window, of at most 64 KB each. */
const WINDOW = 32;
/** Messages in a row, after which it looks as if all were wanted. */
const IN_A_ROW = 3;

type Window = ReadonlyMap<Uid, MessageRow>;

export class ReadAhead {
  readonly #read: (uids: UidSet) => AsyncIterable<readonly MessageRow[]>;
  #last = -1;
  #inARow = 0;
  #window: Promise<Window> | undefined;
  #next: Promise<Window> | undefined;
  /** Places of the two windows: from `#from`, `WINDOW` each. */
  #from = 0;

  constructor(read: (uids: UidSet) => AsyncIterable<readonly MessageRow[]>) {
    this.#read = read;
  }

  /** The message at this place of `uids`, if it was read. */
  async row(uids: Uint32Array, place: number): Promise<MessageRow | undefined> {
    this.#inARow = place === this.#last + 1 ? this.#inARow + 1 : 0;
    this.#last = place;
    if (this.#inARow < IN_A_ROW) {
      this.#window = this.#next = undefined;
      return undefined;
    }
    if (this.#window === undefined || place >= this.#from + WINDOW) this.#move(uids, place);
    return (await this.#window)?.get(uids[place]!);
  }

  #move(uids: Uint32Array, place: number): void {
    this.#window = this.#next ?? this.#open(uids, place);
    this.#from = place;
    this.#next = place + WINDOW < uids.length ? this.#open(uids, place + WINDOW) : undefined;
  }

  async #open(uids: Uint32Array, place: number): Promise<Window> {
    const found = new Map<Uid, MessageRow>();
    try {
      for await (const rows of this.#read(fromUids(uids.subarray(place, place + WINDOW)))) {
        for (const row of rows) if (row.content !== undefined) found.set(row.uid, row);
      }
    } catch {
      // Whoever reads what is missing hears why.
    }
    return found;
  }
}
