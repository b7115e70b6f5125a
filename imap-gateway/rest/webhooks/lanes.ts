/** How many POSTs are under way at once: endpoints that fail or hang wait in a lane of their own, and delay nobody else. */
export class Lanes {
  readonly #free: [good: number, troubled: number];
  readonly #waiting: [(() => void)[], (() => void)[]] = [[], []];

  constructor(good = 200, troubled = 50) {
    this.#free = [good, troubled];
  }

  /** Answers how to leave; `undefined` when the signal was aborted first. */
  async enter(troubled: boolean, signal: AbortSignal): Promise<(() => void) | undefined> {
    const lane = troubled ? 1 : 0;
    while (!signal.aborted) {
      if (this.#free[lane] > 0) {
        this.#free[lane] -= 1;
        let left = false;
        return () => {
          if (left) return;
          left = true;
          this.#free[lane] += 1;
          this.#waiting[lane].shift()?.();
        };
      }
      await new Promise<void>((resolve) => {
        this.#waiting[lane].push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    // Whoever was woken in vain wakes the next one.
    this.#waiting[lane].shift()?.();
    return undefined;
  }
}
