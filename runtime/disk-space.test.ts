import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#test/support/clock.ts';
import { recordingLog } from '#test/support/log.ts';
import { diskRoom } from './disk-space.ts';

test('room is looked for once a second, and the log hears of a change only', async () => {
  const clock = new FakeClock();
  const log = recordingLog();
  let [free, asked] = [1_000, 0];
  const room = diskRoom({
    free: async () => {
      asked += 1;
      return free;
    },
    clock,
    log,
    minimum: () => 900,
  });
  assert.deepEqual(await Promise.all([room(100), room(101), room(0)]), [true, false, true]);
  assert.equal(asked, 1);
  assert.equal(log.entries.length, 0, 'one message that is too large is not a full disk');
  free = 800;
  for (let second = 0; second < 3; second++) {
    await clock.advance(1_000);
    assert.equal(await room(0), false);
    assert.equal(await room(0), false);
  }
  free = 2_000;
  await clock.advance(1_000);
  assert.equal(await room(1_100), true);
  assert.equal(asked, 5);
  assert.deepEqual(
    log.entries.map(({ level, message }) => `${level} ${message}`),
    ['error the disk is nearly full: messages are refused', 'info the disk has room again'],
  );
});

test('a disk that can not be asked has room: writing will tell', async () => {
  const clock = new FakeClock();
  const failing = { free: () => Promise.reject(new Error('no')), clock, log: recordingLog(), minimum: () => 900 };
  assert.equal(await diskRoom(failing)(1e9), true);
});
