/** The commit sequences of several shards as one stream. A cursor names a place in each of them; a writer that goes is waited for. */
import { MailError } from '#mail/failure.ts';
import type { NoticeBatch } from '../change.ts';

type WatchShard = (shard: number, cursor: string | undefined, signal: AbortSignal) => AsyncIterable<NoticeBatch>;

/** Milliseconds before a shard's stream is asked for again. */
const PAUSE = 100;

/** Subscribed from the call on, not only from the first `next()`. */
export function watchShards(
  shards: readonly number[],
  cursor: string | undefined,
  signal: AbortSignal,
  watch: WatchShard,
): AsyncIterable<NoticeBatch> {
  const merged = new Merged(shards, cursor);
  for (const shard of shards) void pump(shard, merged, signal, watch);
  return merged.batches(signal);
}

async function pump(shard: number, merged: Merged, signal: AbortSignal, watch: WatchShard): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const batch of watch(shard, merged.cursors.get(shard), signal)) await merged.add(shard, batch);
      if (signal.aborted) return;
    } catch (error) {
      if (!(error instanceof MailError) || error.failure !== 'unavailable') {
        merged.fail(error);
        return;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

interface Waiting {
  readonly shard: number;
  readonly batch: NoticeBatch;
  readonly taken: () => void;
}

class Merged {
  readonly cursors: Map<number, string | undefined>;
  readonly #unheard: Set<number>;
  #waiting: Waiting[] = [];
  #error: unknown;
  #wake: () => void = () => undefined;

  constructor(shards: readonly number[], cursor: string | undefined) {
    const given = new Map(parse(cursor));
    // Without a place in some shard, all of it is news; an empty cursor is one that no writer knows.
    this.cursors = new Map(shards.map((shard) => [shard, cursor === undefined ? undefined : (given.get(shard) ?? '')]));
    this.#unheard = new Set(shards);
  }

  /** Waits until the batch was taken: nobody runs ahead of a slow watcher. */
  add(shard: number, batch: NoticeBatch): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ shard, batch, taken: resolve });
      this.#wake();
    });
  }

  fail(error: unknown): void {
    this.#error = error;
    this.#wake();
  }

  async *batches(signal: AbortSignal): AsyncGenerator<NoticeBatch> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    for (let begun = false; ; ) {
      if (signal.aborted) return;
      if (this.#error !== undefined) throw this.#error;
      const taken = this.#waiting;
      for (const { shard } of taken) this.#unheard.delete(shard);
      // The first batch says that every shard is being watched.
      if (this.#unheard.size > 0 || (begun && taken.length === 0)) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#waiting = [];
      begun = true;
      for (const { shard, batch } of taken) this.cursors.set(shard, batch.cursor);
      const notices = taken.flatMap(({ batch }) => batch.notices);
      const rescan = taken.some(({ batch }) => batch.rescan);
      for (const { taken: next } of taken) next();
      yield { cursor: format(this.cursors), notices, rescan };
    }
  }
}

const format = (cursors: ReadonlyMap<number, string | undefined>): string =>
  Array.from(cursors, ([shard, cursor]) => `${shard}:${cursor}`).join(',');

function parse(cursor: string | undefined): [number, string][] {
  if (cursor === undefined) return [];
  return cursor.split(',').map((one) => {
    const [shard, rest] = one.split(':');
    return [Number(shard), rest ?? ''];
  });
}
