/** `Coordination` in one process: counters in sliding windows, places, sessions. Its memory is bounded. */
import type { Clock } from './ambient.ts';
import type { Coordination, Lease, SessionInfo } from './coordination.ts';

/** One counter: what was counted in the current and in the previous window. */
interface Window {
  windowMs: number;
  start: number;
  current: number;
  previous: number;
}

export class LocalCoordination implements Coordination {
  readonly #clock: Clock;
  readonly #maxCounters: number;
  /** Least recently used first, because a counter that is touched moves to the end. */
  readonly #counters = new Map<string, Window>();
  readonly #places = new Map<string, number>();
  readonly #sessions = new Map<object, { readonly info: SessionInfo; readonly end: (() => void) | undefined }>();

  constructor(clock: Clock, options: { readonly maxCounters?: number } = {}) {
    this.#clock = clock;
    this.#maxCounters = options.maxCounters ?? 100_000;
  }

  /** The previous window counts by the part of it that still lies within `windowMs`. */
  async count(key: string, amount: number, windowMs: number): Promise<number> {
    const now = this.#clock.now();
    const start = now - (now % windowMs);
    let window = this.#counters.get(key);
    if (
      window === undefined ||
      window.windowMs !== windowMs ||
      start - window.start > windowMs ||
      start < window.start
    ) {
      window = { windowMs, start, current: 0, previous: 0 };
    } else if (start > window.start) {
      window = { windowMs, start, current: 0, previous: window.current };
    }
    window.current += amount;
    this.#counters.delete(key);
    this.#counters.set(key, window);
    this.#trim(now);
    return window.current + window.previous * (1 - (now - start) / windowMs);
  }

  async acquire(key: string, limit: number): Promise<Lease | undefined> {
    const taken = this.#places.get(key) ?? 0;
    if (taken >= limit) return undefined;
    this.#places.set(key, taken + 1);
    return once(() => {
      const left = (this.#places.get(key) ?? 1) - 1;
      if (left > 0) this.#places.set(key, left);
      else this.#places.delete(key);
    });
  }

  async session(info: SessionInfo, end?: () => void): Promise<Lease> {
    const handle = {};
    this.#sessions.set(handle, { info, end });
    return once(() => this.#sessions.delete(handle));
  }

  async sessions(): Promise<readonly SessionInfo[]> {
    return Array.from(this.#sessions.values(), ({ info }) => info);
  }

  async disconnect(ids: readonly string[]): Promise<readonly string[]> {
    const wanted = new Set(ids);
    // All are found first: who ends leaves the map.
    const found = this.#sessions
      .values()
      .filter(({ info, end }) => end !== undefined && wanted.has(info.id))
      .toArray();
    for (const { end } of found) end?.();
    return [...new Set(found.map(({ info }) => info.id))];
  }

  /** Forgets what has run out, a few at a time, and the oldest beyond the bound. */
  #trim(now: number): void {
    let looked = 0;
    for (const [key, window] of this.#counters) {
      const over = this.#counters.size > this.#maxCounters;
      if (!over && (now - window.start < 2 * window.windowMs || ++looked > 4)) return;
      this.#counters.delete(key);
    }
  }
}

function once(work: () => void): Lease {
  let released = false;
  return {
    release() {
      if (released) return;
      released = true;
      work();
    },
  };
}
