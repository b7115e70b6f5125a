import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Uid } from '#store/types.ts';
import { assign, type Given } from './twins.ts';

const NONE: Given = new Map();

test('messages that are there once have their own ids, and nothing is written down', () => {
  assert.deepEqual(assign([3, 5], ['a', 'b'], NONE), { ids: ['a', 'b'] });
});

test('who inherits nothing keeps what it had; who comes back gets what is free', () => {
  const both = assign([2, 4], ['a', 'a'], NONE);
  assert.deepEqual(both.ids, ['a', 'a.4']);
  const given = both.given!;
  assert.deepEqual(assign([2, 4], ['a', 'a'], given), { ids: ['a', 'a.4'] });
  assert.deepEqual(assign([4], ['a'], given).ids, ['a.4']);
  assert.deepEqual(assign([4, 9], ['a', 'a'], given).ids, ['a.4', 'a']);
  assert.deepEqual(assign([2, 9], ['a', 'a'], given).ids, ['a', 'a.4']);
  assert.deepEqual(assign([2, 4, 9], ['a', 'a', 'a'], given).ids, ['a', 'a.4', 'a.9']);
});

test('whatever comes and goes: ids are unique, and nobody’s changes while it stays', () => {
  const step = fc.record({
    go: fc.array(fc.nat(9), { maxLength: 3 }),
    come: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      let next = 1;
      let here: (readonly [uid: Uid, message: string])[] = [];
      let known = NONE;
      let told = new Map<Uid, string>();
      for (const { go, come } of steps) {
        // Somebody looks after each step; what has ids as a lone message before it has a twin is the message's own.
        here = here.filter((_, i) => !go.includes(i));
        here.push(...come.map((message) => [next++, message] as const));
        const { ids, given } = assign(
          here.map(([uid]) => uid),
          here.map(([, message]) => message),
          known,
        );
        known = given ?? known;
        assert.equal(new Set(ids).size, ids.length);
        const now = new Map(here.map(([uid], i) => [uid, ids[i]!]));
        for (const [uid, id] of now) assert.equal(told.get(uid) ?? id, id);
        for (const [i, [, message]] of here.entries()) assert.ok(ids[i]!.startsWith(message));
        told = now;
      }
    }),
  );
});
