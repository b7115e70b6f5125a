/**
 * Questions to all shards at once. One that can't be read keeps nobody from what the others hold: it is named in the log once, asked again on a slow clock, and
 * whoever listens is told when it answers again.
 */
import { MailError } from '#mail/failure.ts';
import type { Clock, Log } from '#runtime/ambient.ts';

/** Milliseconds until a shard that could not be read is asked again. */
const AGAIN_MS = 30_000;

export interface EveryShardOptions {
  readonly shards: readonly number[];
  readonly clock: Clock;
  readonly log: Log;
}

type Ask<T> = (shard: number) => Promise<readonly T[]>;

export class EveryShard {
  readonly shards: readonly number[];
  readonly #options: EveryShardOptions;
  /** Timers of those that could not be read. */
  readonly #unread = new Map<number, () => void>();
  readonly #listeners = new Set<() => void>();
  #closed = false;

  constructor(options: EveryShardOptions) {
    this.shards = options.shards;
    this.#options = options;
  }

  /** Answers of the shards that can be read. Rejects as `unavailable` where none can. */
  async ask<T>(ask: Ask<T>): Promise<readonly T[]> {
    const outcomes = await Promise.allSettled(this.shards.map(ask));
    for (const [i, outcome] of outcomes.entries()) this.#note(this.shards[i]!, outcome, ask);
    const answers = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    if (answers.length === 0) throw new MailError('unavailable', 'the store can not be read');
    return answers.flatMap(({ value }) => value);
  }

  /** @returns ends it. @param listener whenever a shard that was missing in an answer can be read again. */
  onReturn(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#unread.values()) cancel();
    this.#unread.clear();
  }

  #note<T>(shard: number, outcome: PromiseSettledResult<unknown>, ask: Ask<T>): void {
    if (outcome.status === 'fulfilled') this.#returned(shard);
    else this.#missing(shard, outcome.reason, ask);
  }

  #missing<T>(shard: number, err: unknown, ask: Ask<T>): void {
    if (this.#closed) return;
    const { clock, log } = this.#options;
    if (!this.#unread.has(shard))
      log.error({ shard, err }, 'a shard can not be read: its accounts wait, the others go on');
    this.#unread.get(shard)?.();
    const again = (): void => {
      ask(shard).then(
        () => this.#returned(shard),
        (error: unknown) => this.#missing(shard, error, ask),
      );
    };
    this.#unread.set(shard, clock.after(AGAIN_MS, again));
  }

  #returned(shard: number): void {
    const cancel = this.#unread.get(shard);
    if (cancel === undefined) return;
    cancel();
    this.#unread.delete(shard);
    this.#options.log.info({ shard }, 'a shard can be read again');
    for (const listener of this.#listeners) listener();
  }
}
