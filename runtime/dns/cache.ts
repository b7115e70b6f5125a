/** Answers by question until their time is up; bounded, the least recently used go first. */
import type { Clock } from '../ambient.ts';

export class DnsCache<T> {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #entries = new Map<string, { readonly value: T; readonly until: number }>();

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** With the seconds that it has left. */
  get(key: string): { readonly value: T; readonly left: number } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    const left = (entry.until - this.#clock.now()) / 1000;
    if (left <= 0) return undefined;
    this.#entries.set(key, entry);
    return { value: entry.value, left: Math.floor(left) };
  }

  set(key: string, value: T, ttl: number): void {
    if (ttl <= 0) return;
    this.#entries.delete(key);
    this.#entries.set(key, { value, until: this.#clock.now() + ttl * 1000 });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#limit && oldest !== undefined) this.#entries.delete(oldest);
  }
}
