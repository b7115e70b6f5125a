import { createHash } from 'node:crypto';

/** A small deterministic generator: numbers in [0, 1) from the seed. */
export function generator(seed: string): () => number {
  let count = 0;
  return () => createHash('sha256').update(`${seed}:${count++}`).digest().readUInt32BE(0) / 2 ** 32;
}
