/** The commit sequences of several shards as one stream. A cursor names a place in each of them; a writer that goes is waited for. */
import { MailError } from '#mail/failure.ts';
import type { NoticeBatch } from '../change.ts';

type WatchShard = (shard: number, cursor: string | undefined, signal: AbortSignal) => AsyncIterable<NoticeBatch>;

/** Milliseconds before a shard's stream is asked for again. */
const PAUSE = 100;
/** Milliseconds that shards which are heard wait for one that is silent: its writer may only just be changing. */
const PATIENCE = 1_000;

export interface WatchedShards {
  readonly shards: readonly number[];
  readonly watch: WatchShard;
  /** Calls back whenever it isn't known what was missed; answers what ends that. */
  readonly onReturn: (listener: () => void) => () => void;
}

/** Subscribed from the call on, not only from the first `next()`. */
export function watchShards(
  { shards, watch, onReturn }: WatchedShards,
  cursor: string | undefined,
  signal: AbortSignal,
): AsyncIterable<NoticeBatch> {
  const merged = new Merged(shards, cursor);
  const end = onReturn(() => merged.rescan());
  signal.addEventListener('abort', end, { once: true });
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
  /** Those that the watcher has begun without, from now: what came before they were heard is news. */
  readonly #late = new Set<number>();
  #rescan = false;
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

  /** The watcher is to look at everything. */
  rescan(): void {
    this.#rescan = true;
    this.#wake();
  }

  async *batches(signal: AbortSignal): AsyncGenerator<NoticeBatch> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    if (!(await this.#heard(signal))) return;
    for (let begun = false; ; begun = true) {
      if (signal.aborted) return;
      if (this.#error !== undefined) throw this.#error;
      if (begun && this.#waiting.length === 0 && !this.#rescan) {
        await this.#news();
        continue;
      }
      yield this.#take();
    }
  }

  /**
   * The first batch says that every shard is being watched. Where one stays silent (its file is damaged, so nobody can write it) the others are not kept waiting: nothing
   * is committed there, and it begins with `rescan` when it is back.
   */
  async #heard(signal: AbortSignal): Promise<boolean> {
    let patient = true;
    const timer = setTimeout(() => {
      patient = false;
      this.#wake();
    }, PATIENCE);
    try {
      while (!signal.aborted && this.#error === undefined) {
        for (const { shard } of this.#waiting) this.#unheard.delete(shard);
        if (this.#unheard.size === 0 || (!patient && this.#waiting.length > 0)) break;
        await this.#news();
      }
    } finally {
      clearTimeout(timer);
    }
    for (const shard of this.#unheard) if (this.cursors.get(shard) === undefined) this.#late.add(shard);
    return !signal.aborted;
  }

  #news(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #take(): NoticeBatch {
    const taken = this.#waiting;
    this.#waiting = [];
    let rescan = this.#rescan;
    this.#rescan = false;
    for (const { shard, batch } of taken) {
      this.cursors.set(shard, batch.cursor);
      if (batch.rescan || this.#late.delete(shard)) rescan = true;
    }
    const notices = taken.flatMap(({ batch }) => batch.notices);
    for (const { taken: next } of taken) next();
    return { cursor: format(this.cursors), notices, rescan };
  }
}

/** A shard that was not heard yet has an empty place, which no writer knows: whoever names this cursor has all of it as news. */
const format = (cursors: ReadonlyMap<number, string | undefined>): string =>
  Array.from(cursors, ([shard, cursor]) => `${shard}:${cursor ?? ''}`).join(',');

function parse(cursor: string | undefined): [number, string][] {
  if (cursor === undefined) return [];
  return cursor.split(',').map((one) => {
    const [shard, rest] = one.split(':');
    return [Number(shard), rest ?? ''];
  });
}
