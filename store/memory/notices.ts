/** The commit sequence of the memory backend: a bounded list of notices, and the watchers who read it by cursor (STORE.md §3). */
import type { Notice, NoticeBatch } from '../change.ts';

/** A watcher that falls further behind is told to look at everything. */
const MOST_NOTICES = 10_000;
const BATCH = 500;

export class Notices {
  /** Cursors of an earlier life mean nothing here. */
  readonly #epoch: string;
  #notices: Notice[] = [];
  /** The sequence number of `#notices[0]`. */
  #first = 1;
  readonly #waiting = new Set<() => void>();

  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  add(notice: Notice): void {
    this.#notices.push(notice);
    if (this.#notices.length > 2 * MOST_NOTICES) {
      this.#first += this.#notices.length - MOST_NOTICES;
      this.#notices = this.#notices.slice(-MOST_NOTICES);
    }
    this.wake();
  }

  /** Lets every watcher look again, also at its signal. */
  wake(): void {
    for (const resolve of Array.from(this.#waiting)) resolve();
  }

  /** Subscribed from the call on, not only from the first `next()`. */
  watch(cursor: string | undefined, signal: AbortSignal): AsyncIterable<NoticeBatch> {
    const end = this.#first + this.#notices.length;
    const at = cursor === undefined ? end : this.#position(cursor);
    return this.#batches(at ?? end, at === undefined, signal);
  }

  async *#batches(start: number, lost: boolean, signal: AbortSignal): AsyncGenerator<NoticeBatch> {
    let next = start;
    let rescan = lost;
    for (let begun = false; !signal.aborted; begun = true) {
      if (next < this.#first) {
        next = this.#first + this.#notices.length;
        rescan = true;
      }
      const notices = this.#notices.slice(next - this.#first, next - this.#first + BATCH);
      if (notices.length === 0 && begun && !rescan) {
        await this.#news(signal);
        continue;
      }
      next += notices.length;
      yield { cursor: `${this.#epoch}.${next}`, notices, rescan };
      rescan = false;
    }
  }

  #position(cursor: string): number | undefined {
    const [epoch, next] = cursor.split('.');
    const at = Number(next);
    const known = epoch === this.#epoch && at >= this.#first && at <= this.#first + this.#notices.length;
    return known ? at : undefined;
  }

  #news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
