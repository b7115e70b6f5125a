import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flags } from '#store/types.ts';
import { MAX_UID } from '#store/uid-set.ts';
import { MailboxView } from '#store/view.ts';
import { slicesOf, slicesOfDeleted } from './slices.ts';

test('a set is cut into parts of so many UIDs', () => {
  assert.deepEqual(slicesOf([], 3), []);
  assert.deepEqual(slicesOf([[1, 3]], 3), [[[1, 3]]]);
  assert.deepEqual(
    slicesOf(
      [
        [1, 2],
        [5, 11],
        [20, 20],
      ],
      3,
    ),
    [
      [
        [1, 2],
        [5, 5],
      ],
      [[6, 8]],
      [[9, 11]],
      [[20, 20]],
    ],
  );
});

test('all UIDs are cut where so many deleted messages have passed', () => {
  const flagSets: Flags[] = [[], ['\\Deleted']];
  const view = new MailboxView({
    mailbox: 'm',
    uidValidity: 1,
    uidNext: 100,
    highestModseq: 1,
    modseq: 1,
    uids: Uint32Array.of(2, 3, 5, 8, 13, 21),
    modseqs: new Float64Array(6).fill(1),
    flags: Uint32Array.of(1, 0, 1, 1, 1, 0),
    flagSets,
  });
  assert.deepEqual(slicesOfDeleted(view, 2), [[[1, 5]], [[6, 13]], [[14, MAX_UID]]]);
  assert.deepEqual(slicesOfDeleted(view, 10), [[[1, MAX_UID]]]);
});
