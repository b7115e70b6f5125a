import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from './turns.ts';

function gate() {
  const open: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const work = async (): Promise<number> => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => open.push(resolve));
    return running--;
  };
  const drain = async (): Promise<void> => {
    for (let idle = 0; idle < 20; idle += 1) {
      open.shift()?.();
      await Promise.resolve();
    }
  };
  return { work, drain, most: () => most };
}

test('a few of one key run at once, some wait, more are refused; another key has its own', async () => {
  const turns = new Turns({ atOnce: 2, waiting: 3, refusal: 'full' });
  const { work, drain, most } = gate();
  const taken = Array.from({ length: 5 }, () => turns.take('a', work));
  await assert.rejects(turns.take('a', work), { failure: 'limit-exceeded', message: 'full' });
  assert.equal(most(), 2);
  assert.equal(await turns.take('b', async () => 7), 7);
  await drain();
  await drain();
  assert.equal((await Promise.all(taken)).length, 5);
  assert.equal(most(), 2);
  assert.equal(await turns.take('a', async () => 8), 8);
});

test('what fails gives its place on', async () => {
  const turns = new Turns({ atOnce: 1, waiting: 1, refusal: 'full' });
  const failing = turns.take('a', () => Promise.reject(new Error('x')));
  const next = turns.take('a', async () => 1);
  await assert.rejects(failing, /x/);
  assert.equal(await next, 1);
});
