/** Those who watch a shard's commit sequence (STORE.md §3): the latest groups are in memory, older ones are asked of the writer thread. */
import { setTimeout } from 'node:timers/promises';
import { MailError } from '#mail/failure.ts';
import { joinNotices, type NoticeText, type PackedBatch } from './notices.ts';
import type { FromWriter } from './writer-thread.ts';

type Replay = Extract<FromWriter, { type: 'replay' }>;

const MOST_GROUPS = 4_096;
const REPLAY_GROUPS = 256;
const BATCH_GROUPS = 64;
/**
 * Milliseconds between two batches: what comes first is told at once, and in a flood of groups each watcher hears fifty times a second, however many
 * groups there are. Telling each alone costs the writer's process and the watcher's more than a delivery should.
 */
const PACE_MS = 20;

interface News {
  seq: number;
  notices: NoticeText;
  readonly lost: boolean;
}

export class Watchers {
  readonly #ask: (id: number, after: number, limit: number) => void;
  readonly #asked = new Map<number, PromiseWithResolvers<Replay>>();
  readonly #waiting = new Set<() => void>();
  #recent: { readonly seq: number; readonly notices: NoticeText }[] = [];
  /** Groups behind this one are in `#recent`. */
  #floor = 0;
  #seq = 0;
  #epoch = '';
  #ended = false;
  #nextId = 1;

  /** @param ask sends a replay request; `replayed` brings its answer. */
  constructor(ask: (id: number, after: number, limit: number) => void) {
    this.#ask = ask;
  }

  begin(epoch: string, seq: number): void {
    this.#epoch = epoch;
    this.#seq = seq;
    this.#floor = seq;
  }

  add(seq: number, notices: NoticeText): void {
    if (notices === '') return;
    this.#seq = seq;
    this.#recent.push({ seq, notices });
    if (this.#recent.length > 2 * MOST_GROUPS) {
      this.#recent = this.#recent.slice(-MOST_GROUPS);
      this.#floor = this.#recent[0]!.seq - 1;
    }
    this.#wake();
  }

  replayed(answer: Replay): void {
    this.#asked.get(answer.id)?.resolve(answer);
    this.#asked.delete(answer.id);
  }

  end(): void {
    this.#ended = true;
    for (const asked of this.#asked.values()) asked.reject(new MailError('unavailable', 'the writer has stopped'));
    this.#wake();
  }

  /** Subscribed from the call on, not only from the first `next()`. */
  watch(cursor: string | undefined, signal: AbortSignal): AsyncIterable<PackedBatch> {
    const at = cursor === undefined ? this.#seq : this.#position(cursor);
    return this.#batches(at ?? this.#seq, at === undefined, signal);
  }

  #position(cursor: string): number | undefined {
    const [epoch, text] = cursor.split('.');
    const seq = Number(text);
    return epoch === this.#epoch && Number.isSafeInteger(seq) && seq >= 0 && seq <= this.#seq ? seq : undefined;
  }

  async *#batches(start: number, lost: boolean, signal: AbortSignal): AsyncGenerator<PackedBatch> {
    let at = start;
    let rescan = lost;
    let told = 0;
    for (let begun = false; !signal.aborted && !this.#ended; begun = true) {
      if (at === this.#seq && begun) {
        await this.#news(signal);
        const early = told + PACE_MS - performance.now();
        if (early > 0) await setTimeout(early);
        continue;
      }
      const next = at < this.#floor ? await this.#replay(at) : this.#after(at);
      if (next.lost) {
        // Some of what happened is forgotten; whoever watches looks at everything, from now on.
        rescan = true;
        next.seq = this.#seq;
        next.notices = '';
      }
      at = next.seq;
      yield { cursor: `${this.#epoch}.${at}`, notices: next.notices, rescan };
      rescan = false;
      told = performance.now();
    }
    if (this.#ended && !signal.aborted) throw new MailError('unavailable', 'the writer has stopped');
  }

  #after(at: number): News {
    let low = 0;
    let high = this.#recent.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#recent[middle]!.seq <= at) low = middle + 1;
      else high = middle;
    }
    const groups = this.#recent.slice(low, low + BATCH_GROUPS);
    return { seq: groups.at(-1)?.seq ?? at, notices: joinNotices(groups.map((group) => group.notices)), lost: false };
  }

  async #replay(after: number): Promise<News> {
    const id = this.#nextId++;
    const asked = Promise.withResolvers<Replay>();
    this.#asked.set(id, asked);
    this.#ask(id, after, REPLAY_GROUPS);
    return { ...(await asked.promise) };
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
  }

  #news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
