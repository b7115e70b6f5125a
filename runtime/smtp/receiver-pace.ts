/** Holds a sender of content to an absolute deadline and a minimum rate, with one timer that only moves now and then. */
import type { Clock } from '../ambient.ts';
import type { Connection } from '../connection.ts';

/** Milliseconds before the rate counts: slow start, a radio link that wakes up. */
const GRACE = 30_000;
/** The deadline isn't moved for less than this. */
const STEP = 1_000;

export interface PaceLimits {
  /** Milliseconds for one content. */
  readonly contentTimeout: number;
  /** Octets a second; 0 for any. */
  readonly minimumRate: number;
}

export class Pace {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #start: number;
  readonly #end: number;
  readonly #rate: number;
  #received = 0;
  #deadline = 0;

  constructor(connection: Connection, clock: Clock, limits: PaceLimits) {
    this.#connection = connection;
    this.#clock = clock;
    this.#start = clock.now();
    this.#end = this.#start + limits.contentTimeout;
    this.#rate = limits.minimumRate;
  }

  /** So far. */
  get octets(): number {
    return this.#received;
  }

  received(octets: number): void {
    this.#received += octets;
  }

  /**
   * Another chunk of the same content begins, after a command that had a deadline of its own. False when too little has come for the time that
   * went by: chunks of an octet that come along with their commands are never waited for.
   */
  resume(): boolean {
    this.#deadline = 0;
    return this.#clock.now() <= this.#due();
  }

  /** Before waiting for more: what has come so far buys the time in which more must come. */
  expect(): void {
    const at = this.#due();
    if (at - this.#deadline < STEP) return;
    this.#deadline = at;
    this.#connection.deadline(Math.max(0, at - this.#clock.now()));
  }

  #due(): number {
    const byRate =
      this.#rate > 0 ? this.#start + GRACE + (this.#received * 1000) / this.#rate : Number.POSITIVE_INFINITY;
    return Math.min(this.#end, byRate);
  }
}
