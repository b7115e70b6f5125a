/** Random numbers that a seed and a place determine, so that each execution can be had again alone. */

export class FuzzRandom {
  #state: number;

  constructor(...keys: readonly (number | string)[]) {
    let hash = 0x811c9dc5;
    for (const octet of Buffer.from(keys.join('/'))) hash = Math.imul(hash ^ octet, 0x01000193);
    this.#state = hash >>> 0;
  }

  /** 0 ≤ n < limit. */
  below(limit: number): number {
    // mulberry32
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * limit);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** The input in pieces of any length. */
  cut(input: Buffer): Buffer[] {
    const most = this.pick([1, 2, 7, 100, 5000]);
    const pieces: Buffer[] = [];
    for (let at = 0; at < input.length; ) {
      const end = at + 1 + this.below(most);
      // A copy, so that nobody reads beyond the piece or relies on it later.
      pieces.push(Buffer.from(input.subarray(at, end)));
      at = end;
    }
    return pieces;
  }
}
