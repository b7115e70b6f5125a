import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { TurnCache } from './turn-cache.ts';

function world() {
  const asked: string[] = [];
  const state = { version: 1, versions: 0 };
  const cache = new TurnCache(() => {
    state.versions += 1;
    return state.version;
  });
  const look = (text: string): void => {
    const found = cache.get(text, () => {
      asked.push(text);
      return { text };
    });
    assert.equal(found.text, text);
  };
  return { asked, state, look, changed: () => cache.changed() };
}

test('what is asked is asked once for as long as the directory stays as it was', async () => {
  const { asked, state, look } = world();
  look('bob@beta.test');
  look('bob@beta.test');
  assert.equal(state.versions, 1);
  await turn();
  look('bob@beta.test');
  look('Bob@beta.test');
  assert.deepEqual(asked, ['bob@beta.test', 'Bob@beta.test']);
  assert.equal(state.versions, 2);
});

test('a change by anybody is seen in the next turn, and one from here at once', async () => {
  const { asked, state, look, changed } = world();
  look('bob@beta.test');
  state.version = 2;
  await turn();
  look('bob@beta.test');
  assert.equal(asked.length, 2);
  state.version = 3;
  changed();
  look('bob@beta.test');
  assert.equal(asked.length, 3);
});

test('what strangers ask for is not kept for ever', () => {
  const { asked, look } = world();
  for (let i = 0; i < 32_768; i++) look(`nobody${i}@beta.test`);
  look('one@beta.test');
  look('nobody0@beta.test');
  assert.equal(asked.length, 32_770);
});
