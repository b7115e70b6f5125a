import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#test/support/clock.ts';
import { Troubles } from './troubles.ts';

test('the same trouble counts, the newest comes first, and after an hour it is forgotten', async () => {
  const clock = new FakeClock();
  const troubles = new Troubles(clock);
  troubles.note('mda', 'the commit failed', 'disk is full');
  troubles.note('mta', 'cannot read the queue');
  await clock.advance(60_000);
  troubles.note('mda', 'the commit failed', 'disk I/O error');
  assert.deepEqual(
    troubles.list().map(({ program, what, why, times }) => [program, what, why, times]),
    [
      ['mda', 'the commit failed', 'disk I/O error', 2],
      ['mta', 'cannot read the queue', undefined, 1],
    ],
  );
  await clock.advance(3_580_000);
  assert.deepEqual(
    troubles.list().map(({ program }) => program),
    ['mda'],
  );
});

test('no more than fifty are kept', () => {
  const troubles = new Troubles(new FakeClock());
  for (let n = 0; n < 200; n++) troubles.note('mta', `trouble ${n}`);
  assert.equal(troubles.list().length, 50);
  assert.equal(troubles.list()[0]?.what, 'trouble 199');
});
