import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contains, count, fromUids, intersect, iterate, subtract, toArray, uidSet, union } from './uid-set.ts';

const uid = fc.integer({ min: 1, max: 60 });
const uids = fc.array(uid, { maxLength: 40 });
const sorted = (values: Iterable<number>) => [...new Set(values)].sort((a, b) => a - b);

function assertNormal(set: readonly (readonly [number, number])[]): void {
  let previous = -1;
  for (const [first, last] of set) {
    assert.ok(first <= last);
    assert.ok(first > previous + 1 || previous === -1, 'ranges neither touch nor overlap');
    previous = last;
  }
}

test('a set made of UIDs in any order holds exactly these', () => {
  fc.assert(
    fc.property(uids, (list) => {
      const set = fromUids(list);
      assertNormal(set);
      assert.deepEqual(toArray(set), sorted(list));
      assert.deepEqual([...iterate(set)], sorted(list));
      assert.equal(count(set), new Set(list).size);
    }),
  );
});

test('ranges in any order and direction are normalised', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(uid, uid)), (ranges) => {
      const set = uidSet(ranges);
      assertNormal(set);
      const all = new Set<number>();
      for (const [a, b] of ranges) for (let u = Math.min(a, b); u <= Math.max(a, b); u++) all.add(u);
      assert.deepEqual(toArray(set), sorted(all));
    }),
  );
});

test('union, intersection, difference and membership agree with plain sets', () => {
  fc.assert(
    fc.property(uids, uids, (x, y) => {
      const [a, b] = [fromUids(x), fromUids(y)];
      const [inX, inY] = [new Set(x), new Set(y)];
      for (const set of [union(a, b), intersect(a, b), subtract(a, b)]) assertNormal(set);
      assert.deepEqual(toArray(union(a, b)), sorted([...x, ...y]));
      assert.deepEqual(toArray(intersect(a, b)), sorted(x.filter((u) => inY.has(u))));
      assert.deepEqual(toArray(subtract(a, b)), sorted(x.filter((u) => !inY.has(u))));
      for (let u = 0; u <= 61; u++) assert.equal(contains(a, u), inX.has(u));
    }),
  );
});

test('1:* costs no more than one range', () => {
  const all = uidSet([[0xffff_ffff, 1]]);
  assert.equal(count(all), 0xffff_ffff);
  assert.deepEqual(intersect(all, [[5, 7]]), [[5, 7]]);
  assert.deepEqual(subtract(all, [[5, 7]]), [
    [1, 4],
    [8, 0xffff_ffff],
  ]);
});
