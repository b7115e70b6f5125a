/** The real clock and randomness. Only `main.ts` files, scripts and the supervisor pick them. */
import { randomBytes } from 'node:crypto';
import type { Clock, Random } from './ambient.ts';

/** The longest wait of `setTimeout`; a longer one would fire at once. */
const MAX_WAIT = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    let timer: NodeJS.Timeout;
    const arm = (left: number): void => {
      timer = left > MAX_WAIT ? setTimeout(() => arm(left - MAX_WAIT), MAX_WAIT) : setTimeout(callback, left);
      timer.unref();
    };
    arm(ms);
    return () => clearTimeout(timer);
  },
};

/** Random bytes are drawn in blocks: one call of the kernel for many ids. */
const BLOCK = 4096;
let block = new Uint8Array(0);
let used = 0;

export const systemRandom: Random = {
  bytes(length) {
    if (length > BLOCK / 8) return randomBytes(length);
    if (used + length > block.length) {
      block = randomBytes(BLOCK);
      used = 0;
    }
    used += length;
    return block.slice(used - length, used);
  },
  fraction: () => Math.random(),
};
