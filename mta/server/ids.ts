import type { Clock, Random } from '#runtime/ambient.ts';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** A queue id: nine letters of time, so that ids sort by age, and eight random ones (40 bits), so that workers need not ask each other. */
export function newQueueId(clock: Clock, random: Random): string {
  let time = clock.now();
  let id = '';
  for (let i = 0; i < 9; i += 1) {
    id = ALPHABET[time % 32] + id;
    time = Math.floor(time / 32);
  }
  for (const byte of random.bytes(8)) id += ALPHABET[byte & 31];
  return id;
}
