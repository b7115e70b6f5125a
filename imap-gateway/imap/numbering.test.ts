import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { UidSet } from '#store/types.ts';
import { fromUids, toArray } from '#store/uid-set.ts';
import { Numbering } from './numbering.ts';

const numbering = (...uids: number[]): Numbering => new Numbering(Uint32Array.from(uids));
const happened = (more: { added?: UidSet; flagged?: UidSet; vanished?: UidSet }) => ({
  added: [],
  flagged: [],
  vanished: [],
  ...more,
});

test('numbers and UIDs translate both ways', () => {
  const map = numbering(2, 5, 9);
  assert.deepEqual([map.count, map.uid(1), map.uid(3), map.uid(0), map.uid(4)], [3, 2, 9, undefined, undefined]);
  assert.deepEqual([map.number(5), map.number(6), map.last], [2, 0, 9]);
  assert.deepEqual(map.numbers(3, 9), [2, 3]);
  assert.equal(map.numbers(6, 8), undefined);
  assert.deepEqual(map.uids(3, 2), [[5, 9]]);
  assert.deepEqual(map.known([[1, 6]]), [
    [2, 2],
    [5, 5],
  ]);
  assert.deepEqual(
    map.numbersOf([
      [2, 5],
      [9, 20],
    ]),
    [[1, 3]],
  );
});

test('nothing changes before it is told', () => {
  const map = numbering(1, 2, 3);
  map.apply(happened({ added: [[4, 5]], vanished: [[2, 2]] }));
  assert.equal(map.count, 3);
  assert.equal(map.number(2), 2);
  assert.equal(map.isVanished(2), true);
  assert.equal(map.takeArrivals(), true);
  assert.deepEqual([map.count, map.number(5)], [5, 5]);
  assert.deepEqual(map.takeExpunges(), [[2, 2]]);
  assert.deepEqual([map.count, map.number(5), map.number(2)], [4, 4, 0]);
  assert.equal(map.pending, false);
});

test('what came and went unseen is never mentioned', () => {
  const map = numbering(1);
  map.apply(happened({ added: [[2, 3]] }));
  map.apply(happened({ vanished: [[2, 3]] }));
  assert.equal(map.pending, false);
});

test('own changes that were answered are not told again, unless somebody else has changed the message since', () => {
  const map = numbering(1, 2, 3);
  map.acknowledge([[1, 2]], 10);
  map.apply(happened({ flagged: [[1, 3]] }));
  const modseqs = new Map([
    [1, 10],
    [2, 11],
    [3, 11],
  ]);
  assert.deepEqual(
    map.takeFlagged((uid) => modseqs.get(uid), 11),
    [2, 3],
  );
  assert.deepEqual(
    map.takeFlagged((uid) => modseqs.get(uid), 11),
    [],
  );
});

/** What a client does with the responses, by RFC 9051 §7.5.1. */
class Client {
  uids: (number | undefined)[] = [];

  expunge(ranges: readonly (readonly [number, number])[]): void {
    for (const [first, last] of ranges) for (let n = last; n >= first; n--) this.uids.splice(n - 1, 1);
  }
}

test('client and mailbox agree whenever everything was told, whatever happens in between', () => {
  const act = fc.record({
    add: fc.nat(4),
    remove: fc.array(fc.nat(20), { maxLength: 5 }),
    expunges: fc.boolean(),
    arrivals: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.nat(6), fc.array(act, { maxLength: 30 }), (size, acts) => {
      let next = size + 1;
      let mailbox = Array.from({ length: size }, (_, i) => i + 1);
      const map = numbering(...mailbox);
      const client = new Client();
      client.uids = [...mailbox];
      for (const { add, remove, expunges, arrivals } of acts) {
        const added = Array.from({ length: add }, () => next++);
        const vanished = mailbox.filter((_, i) => remove.includes(i));
        mailbox = [...mailbox.filter((uid) => !vanished.includes(uid)), ...added];
        map.apply(happened({ added: fromUids(added), vanished: fromUids(vanished) }));
        if (expunges) client.expunge(map.takeExpunges());
        if (arrivals && map.takeArrivals()) while (client.uids.length < map.count) client.uids.push(undefined);
        assert.equal(client.uids.length, map.count);
        // What a number means to the client is what it means to us.
        client.uids = client.uids.map((uid, i) => {
          assert.ok(uid === undefined || uid === map.uid(i + 1));
          return map.uid(i + 1);
        });
        assert.deepEqual(
          toArray(map.vanished),
          client.uids.filter((uid) => !mailbox.includes(uid ?? 0)),
        );
      }
      client.expunge(map.takeExpunges());
      if (map.takeArrivals()) client.uids = Array.from({ length: map.count }, (_, i) => map.uid(i + 1));
      assert.deepEqual(client.uids, mailbox);
    }),
    { numRuns: 300 },
  );
});

test('a map that goes back is the map of that time to which the same has happened', () => {
  fc.assert(
    fc.property(fc.nat(12), fc.nat(6), fc.array(fc.nat(24)), fc.array(fc.nat(24)), (size, news, went, flags) => {
      const before = Array.from({ length: size }, (_, i) => 2 * i + 1);
      const uidNext = 2 * size + 1;
      const added = Array.from({ length: news }, (_, i) => uidNext + i);
      const all = [...before, ...added];
      const vanished = fromUids(all.filter((uid) => went.includes(uid)));
      const flagged = fromUids(all.filter((uid) => flags.includes(uid) && !went.includes(uid)));
      const expected = numbering(...before);
      const known = fromUids(toArray(flagged).filter((uid) => uid < uidNext));
      expected.apply(happened({ added: fromUids(added), flagged: known, vanished }));
      const map = numbering(...all.filter((uid) => !went.includes(uid)));
      map.number(all.at(-1) ?? 0);
      map.rewind(uidNext, { flagged, vanished });
      const seen = (of: Numbering) => {
        const uids = Array.from({ length: of.count }, (_, i) => of.uid(i + 1));
        const told = [of.takeArrivals(), of.takeFlagged(() => 1, 1), of.takeExpunges(), of.count, of.last];
        return [uids, uids.map((uid) => of.number(uid!)), told];
      };
      assert.deepEqual(seen(map), seen(expected));
    }),
    { numRuns: 300 },
  );
});

test('a million messages: ranges are found, and half of them expunged', () => {
  const map = new Numbering(Uint32Array.from({ length: 1_000_000 }, (_, i) => 2 * i + 1));
  // Whoever walks over all of them each time would be here for minutes.
  for (let i = 0; i < 10_000; i++) map.uids(1, 1_000_000);
  assert.deepEqual(map.numbers(1, 2_000_000), [1, 1_000_000]);
  map.apply(happened({ vanished: [[1, 999_999]] }));
  assert.deepEqual(map.takeExpunges(), [[1, 500_000]]);
  assert.equal(map.count, 500_000);
});
