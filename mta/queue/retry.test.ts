import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextAttempt } from './retry.ts';

const waits = [300_000, 600_000, 3_600_000];
const never = Number.MAX_SAFE_INTEGER;

test('nextAttempt() takes the waits in turn and repeats the last', () => {
  const at = (attempts: number): number => nextAttempt({ waits }, attempts, 1000, never, 0.5) - 1000;
  assert.deepEqual([1, 2, 3, 4, 100].map(at), [300_000, 600_000, 3_600_000, 3_600_000, 3_600_000]);
});

test('nextAttempt() makes the last try when the message expires, and moves on all the same afterwards', () => {
  assert.equal(nextAttempt({ waits }, 3, 1000, 2000, 0.5), 2000);
  assert.equal(nextAttempt({ waits }, 3, 2000, 2000, 0.5), 2000 + 3_600_000);
});

test('nextAttempt() stays within its jitter and always lies ahead', () => {
  fc.assert(
    fc.property(fc.nat(20), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempts, fraction) => {
      const wait = waits[Math.min(attempts, 2)]!;
      const at = nextAttempt({ waits }, attempts + 1, 0, never, fraction);
      assert.ok(at > 0 && at >= wait * 0.85 - 1 && at <= wait * 1.15 + 1);
    }),
  );
});
