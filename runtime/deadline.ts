/**
 * A deadline that is moved with every command and hardly ever passes. Moving it back costs no timer: the one that runs looks, when it goes off,
 * whether the deadline has moved on meanwhile.
 */
import type { Clock } from './ambient.ts';

export class Deadline {
  readonly #clock: Clock;
  readonly #passed: () => void;
  #at = Number.POSITIVE_INFINITY;
  #ms = 0;
  #timerAt = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, passed: () => void) {
    this.#clock = clock;
    this.#passed = passed;
  }

  /** Milliseconds from now; `undefined` for none. */
  set(ms: number | undefined): void {
    if (ms === undefined) {
      this.#at = Number.POSITIVE_INFINITY;
      return;
    }
    this.#ms = ms;
    this.#at = this.#clock.now() + ms;
    if (this.#cancelTimer !== undefined && this.#timerAt <= this.#at) return;
    this.#arm(ms);
  }

  /** No deadline, and no timer either. */
  cancel(): void {
    this.#at = Number.POSITIVE_INFINITY;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #arm(ms: number): void {
    this.#cancelTimer?.();
    this.#timerAt = this.#clock.now() + ms;
    this.#cancelTimer = this.#clock.after(ms, () => this.#look());
  }

  #look(): void {
    this.#cancelTimer = undefined;
    if (this.#at === Number.POSITIVE_INFINITY) return;
    const left = this.#at - this.#clock.now();
    if (left <= 0) this.#passed();
    // A clock that was set back must not make a deadline of hours.
    else this.#arm(Math.min(left, this.#ms));
  }
}
