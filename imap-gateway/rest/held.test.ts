import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, settle } from '#test/support/clock.ts';
import { HeldBodies } from './held.ts';

function setup() {
  const clock = new FakeClock();
  const held = new HeldBodies({ clock, most: 200, mostEach: 100 });
  const in_: string[] = [];
  const take = async (who: string, size: number, signal?: AbortSignal): Promise<() => void> => {
    const give = await held.take(who, size, signal);
    in_.push(`${who} ${size}`);
    return give;
  };
  return { clock, held, take, in_ };
}

test('no more than fits, in their order; nobody takes all of it', async () => {
  const { held, take, in_ } = setup();
  const first = await take('alice', 80);
  const second = take('alice', 50);
  const third = take('bob', 100);
  const fourth = take('carol', 10);
  await settle();
  assert.deepEqual(in_, ['alice 80', 'bob 100', 'carol 10'], 'another account passes by');
  first();
  first();
  await settle();
  assert.deepEqual(in_.at(-1), 'alice 50');
  for (const give of await Promise.all([second, third, fourth])) give();
  assert.equal(held.held, 0);
  (await take('bob', 1_000_000))();
  assert.equal(held.held, 0, 'one that is larger than anybody may have goes alone');
});

test('a large one is not passed by small ones for ever', async () => {
  const { take, in_ } = setup();
  const gives = [await take('a', 100), await take('b', 80)];
  void take('c', 60);
  void take('d', 10);
  await settle();
  assert.equal(in_.length, 2);
  gives[1]!();
  await settle();
  assert.deepEqual(in_.slice(2), ['c 60', 'd 10']);
});

test('who has waited for a minute, or has gone, gives its place up', async () => {
  const { clock, held, take, in_ } = setup();
  const give = await take('a', 100);
  const late = assert.rejects(take('a', 60), { failure: 'unavailable' });
  const gone = new AbortController();
  const left = assert.rejects(take('a', 60, gone.signal), { failure: 'unavailable' });
  gone.abort();
  await left;
  await clock.advance(60_000);
  await late;
  give();
  await settle();
  assert.deepEqual([in_.length, held.held], [1, 0]);
});
