/**
 * Places at destinations: at most `limit` attempts at a time for each, over all processes (Coordination), first come first served within one.
 * A place is handed from one attempt to the next, so that a busy destination asks the coordination once and not for each message.
 */
import type { Clock } from '#runtime/ambient.ts';
import type { Coordination, Lease } from '#runtime/coordination.ts';

/** How soon to ask again for a place that other processes hold. */
const ASK_AGAIN_MS = 1_000;

interface Line {
  readonly waiting: ((lease: Lease) => void)[];
  asking: boolean;
}

export class Destinations {
  readonly #coordination: Coordination;
  readonly #clock: Clock;
  readonly #limit: (key: string) => number;
  readonly #lines = new Map<string, Line>();

  constructor(coordination: Coordination, clock: Clock, limit: (key: string) => number) {
    this.#coordination = coordination;
    this.#clock = clock;
    this.#limit = limit;
  }

  /** How many wait for a place at this destination. */
  waiting(key: string): number {
    return this.#lines.get(key)?.waiting.length ?? 0;
  }

  /** Runs `work` once there is a place. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const lease = await this.#place(key);
    try {
      return await work();
    } finally {
      this.#passOn(key, lease);
    }
  }

  #place(key: string): Promise<Lease> {
    const line = this.#lines.get(key) ?? { waiting: [], asking: false };
    this.#lines.set(key, line);
    return new Promise((resolve) => {
      line.waiting.push(resolve);
      this.#ask(key, line);
    });
  }

  #passOn(key: string, lease: Lease): void {
    const next = this.#lines.get(key)?.waiting.shift();
    if (next !== undefined) next(lease);
    else lease.release();
    this.#forget(key);
  }

  #forget(key: string): void {
    const line = this.#lines.get(key);
    if (line !== undefined && line.waiting.length === 0 && !line.asking) this.#lines.delete(key);
  }

  /** One question at a time for each destination, as long as somebody waits. */
  #ask(key: string, line: Line): void {
    if (line.asking) return;
    line.asking = true;
    void this.#askUntilServed(key, line);
  }

  async #askUntilServed(key: string, line: Line): Promise<void> {
    while (line.waiting.length > 0) {
      const lease = await this.#tryAcquire(key);
      const next = lease === undefined ? undefined : line.waiting.shift();
      if (lease !== undefined && next === undefined) lease.release();
      else if (lease !== undefined) next?.(lease);
      else await new Promise<void>((resolve) => this.#clock.after(ASK_AGAIN_MS, resolve));
    }
    line.asking = false;
    this.#forget(key);
  }

  async #tryAcquire(key: string): Promise<Lease | undefined> {
    try {
      return await this.#coordination.acquire(`delivery:${key}`, this.#limit(key));
    } catch {
      // Whoever coordinates is restarting: it is asked again in a moment, as when no place is free.
      return undefined;
    }
  }
}
