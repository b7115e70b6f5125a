import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#test/support/clock.ts';
import type { Clock } from './ambient.ts';
import { Deadline } from './deadline.ts';

function world() {
  const clock = new FakeClock();
  let timers = 0;
  let passed = 0;
  const counting: Clock = {
    now: () => clock.now(),
    after(ms, callback) {
      timers += 1;
      return clock.after(ms, callback);
    },
  };
  const deadline = new Deadline(counting, () => {
    passed += 1;
  });
  return { clock, deadline, timers: () => timers, passed: () => passed };
}

test('it passes once, at its time', async () => {
  const { clock, deadline, passed } = world();
  deadline.set(1_000);
  await clock.advance(999);
  assert.equal(passed(), 0);
  await clock.advance(1);
  assert.equal(passed(), 1);
  await clock.advance(10_000);
  assert.equal(passed(), 1);
});

test('moved back a thousand times it costs a timer, and passes at its last time', async () => {
  const { clock, deadline, timers, passed } = world();
  for (let i = 0; i < 1_000; i++) {
    deadline.set(5_000);
    await clock.advance(1);
  }
  assert.equal(timers(), 1);
  await clock.advance(4_998);
  assert.equal(passed(), 0);
  await clock.advance(1);
  assert.equal(passed(), 1);
});

test('moved forward it passes earlier; taken away it never does', async () => {
  const { clock, deadline, passed } = world();
  deadline.set(5_000);
  deadline.set(100);
  await clock.advance(100);
  assert.equal(passed(), 1);
  deadline.set(100);
  deadline.set(undefined);
  await clock.advance(10_000);
  assert.equal(passed(), 1);
  deadline.set(100);
  deadline.cancel();
  await clock.advance(10_000);
  assert.equal(passed(), 1);
});
