import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MailError } from '#mail/failure.ts';
import type { MessageRow } from '#store/store.ts';
import type { Uid, UidSet } from '#store/types.ts';
import { toArray } from '#store/uid-set.ts';
import { ReadAhead } from './read-ahead.ts';

const uids = Uint32Array.from({ length: 100 }, (_, i) => 10 + 2 * i);

/** @param batch messages that one read of the store brings, of which every tenth is large. */
function ahead(batch: number, fails = false) {
  const reads: Uid[][] = [];
  const window = new ReadAhead('content', async function* (set: UidSet) {
    const wanted = toArray(set);
    reads.push(wanted);
    if (fails) throw new MailError('unavailable', 'damaged');
    for (let at = 0; at < wanted.length; at += batch) yield wanted.slice(at, at + batch).map(row);
  });
  const get = async (place: number): Promise<Uid | undefined> =>
    (window.row(uids, place) ?? (await window.fill(uids, place)))?.uid;
  return { reads, get };
}

const ROW = { message: '', thread: '', internalDate: { time: 0, zone: 0 }, savedAt: 0, size: 0, prefixLength: 0 };
const row = (uid: Uid): MessageRow => ({ uid, ...ROW, ...(uid % 10 !== 0 && { content: Buffer.from(String(uid)) }) });

test('who asks for one message after the other finds them read, sixteen at a time', async () => {
  const { reads, get } = ahead(16);
  for (let place = 0; place < 40; place++) {
    const uid = uids[place]!;
    assert.equal(await get(place), place > 0 && uid % 10 !== 0 ? uid : undefined);
  }
  assert.ok(reads.every((read) => read.length <= 16));
  assert.deepEqual(
    reads.map(([first]) => first),
    [1, 17, 33].map((place) => uids[place]),
  );
});

test('who asks here and there has nothing read ahead', async () => {
  const { reads, get } = ahead(16);
  for (const place of [5, 3, 7, 7, 50, 20]) assert.equal(await get(place), undefined);
  assert.deepEqual(reads, []);
});

test('no more is taken of a read than its first batch', async () => {
  const { reads, get } = ahead(3);
  await get(0);
  for (const place of [1, 2, 3, 4]) assert.equal(await get(place), uids[place]! % 10 === 0 ? undefined : uids[place]);
  assert.deepEqual(
    reads.map(([first]) => first),
    [12, 18],
  );
});

test('a fault is left to whoever reads that message alone', async () => {
  const { get } = ahead(16, true);
  await get(0);
  assert.equal(await get(1), undefined);
});
