/**
 * Small messages read before they are asked for, by a client that asks for one after the other: some in one read, which the store does on this thread and
 * bounds by octets; the rest while the client is busy with what it has got (`more`). Nothing here can be stale: messages don't change, and one that is removed
 * meanwhile is served as long as the session knows it. What isn't here (large, damaged, just gone) is left to whoever reads it alone.
 */
import type { MessageRow } from '#store/store.ts';
import type { Uid, UidSet } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';

/** As many as the store reads at once without a thread. */
const WINDOW = 16;
/** Messages that are read at once while the client is waited for: it will not wait longer for us than for these. */
const STEP = 8;
/** Octets that wait for a client. */
const MOST_OCTETS = 131_072;

export class ReadAhead {
  readonly #column: 'content' | 'rawHeader';
  readonly #read: (uids: UidSet) => AsyncIterable<readonly MessageRow[]>;
  #last = -1;
  #inARow = false;
  #window = new Map<Uid, MessageRow>();
  #octets = 0;
  /** The first place that was not read with the window. */
  #next = 0;
  #reading: Promise<void> | undefined;

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
    if (this.#reading !== undefined) await this.#reading;
    // What is missing within the window would be missing again.
    if (this.#inARow && place >= this.#next) await this.#readSome(uids, place, WINDOW);
    return this.#take(uids[place]!);
  }

  /** Reads a few of those that come next, while nothing else is to be done. Answers a promise, of whether there may be more to read, where it did. */
  more(uids: Uint32Array): Promise<boolean> | undefined {
    const from = Math.max(this.#next, this.#last + 1);
    if (!this.#inARow || this.#reading !== undefined || this.#octets >= MOST_OCTETS || from >= uids.length) return;
    return this.#readSome(uids, from, STEP).then(() => this.#next > from && this.#octets < MOST_OCTETS);
  }

  async #readSome(uids: Uint32Array, from: number, count: number): Promise<void> {
    const window = this.#window;
    this.#reading = this.#rows(uids.subarray(from, from + count)).then((rows) => {
      this.#reading = undefined;
      if (window !== this.#window) return; // the client went elsewhere meanwhile
      for (const row of rows) {
        const octets = row[this.#column]?.length;
        if (octets === undefined) continue;
        this.#window.set(row.uid, row);
        this.#octets += octets;
      }
      const upTo = rows.at(-1)?.uid ?? 0;
      while (from < uids.length && uids[from]! <= upTo) from++;
      this.#next = from;
    });
    await this.#reading;
  }

  /** No more than the first batch: what is left is read when it is wanted. */
  async #rows(uids: Uint32Array): Promise<readonly MessageRow[]> {
    try {
      for await (const rows of this.#read(fromUids(uids))) return rows;
    } catch {
      // Whoever reads what is missing alone hears why.
    }
    return [];
  }

  #forget(): void {
    this.#window = new Map();
    this.#octets = 0;
    this.#next = 0;
  }

  #take(uid: Uid): MessageRow | undefined {
    const row = this.#window.get(uid);
    if (row === undefined) return undefined;
    this.#window.delete(uid);
    this.#octets -= row[this.#column]!.length;
    return row;
  }
}
