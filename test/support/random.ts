/** Randomness that repeats itself: the same seed gives the same values (xorshift32). */
import { createHash } from 'node:crypto';
import type { Random } from '#runtime/ambient.ts';

export function fakeRandom(seed = 1): Random {
  let state = seed >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  return {
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i++) bytes[i] = next() >>> 24;
      return bytes;
    },
    fraction: () => next() / 2 ** 32,
  };
}

/** Numbers in [0, 1) that a seed of any text determines. */
export function generator(seed: string): () => number {
  let count = 0;
  return () => createHash('sha256').update(`${seed}:${count++}`).digest().readUInt32BE(0) / 2 ** 32;
}
