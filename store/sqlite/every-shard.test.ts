/** One shard of two that can't be read, or has no writer yet, keeps nobody from the other. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { MailError } from '#mail/failure.ts';
import { systemClock } from '#runtime/system.ts';
import { random } from '#test/contract/fixtures.ts';
import { FakeClock, settle } from '#test/support/clock.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { recordingLog, silentLog } from '#test/support/log.ts';
import { newId } from '../ids.ts';
import { EveryShard } from './every-shard.ts';
import { shardFile } from './paths.ts';
import { openMailStore, type SqliteMailStore } from './store.ts';
import { watchShards } from './watch.ts';
import { openShardWriter, type ShardWriter } from './writer.ts';

test('what can be read is answered; the rest is named once, asked again, and told of when it is back', async () => {
  const clock = new FakeClock();
  const log = recordingLog();
  const every = new EveryShard({ shards: [0, 1], clock, log });
  const broken = new Set([1]);
  let returned = 0;
  every.onReturn(() => (returned += 1));
  const ask = async (shard: number): Promise<string[]> => {
    if (broken.has(shard)) throw new MailError('unavailable', 'damaged');
    return [`of ${shard}`];
  };
  assert.deepEqual(await every.ask(ask), ['of 0']);
  assert.deepEqual(await every.ask(ask), ['of 0']);
  await clock.advance(60_000);
  const named = (): unknown[] => log.entries.map(({ level, fields }) => [level, fields.shard]);
  assert.deepEqual([named(), returned], [[['error', 1]], 0]);
  broken.clear();
  await clock.advance(30_000);
  assert.deepEqual([named().at(-1), returned, clock.pending], [['info', 1], 1, 0]);
  assert.deepEqual(await every.ask(ask), ['of 0', 'of 1']);
  broken.add(0).add(1);
  await assert.rejects(every.ask(ask), { failure: 'unavailable' });
  every.close();
  assert.equal(clock.pending, 0);
});

test('a watcher begins without a shard that is silent, and is told to look anew when that is heard', async () => {
  const stop = new AbortController();
  const late = Promise.withResolvers<void>();
  let back: () => void = () => undefined;
  async function* watch(shard: number, _cursor: string | undefined, signal: AbortSignal) {
    if (shard === 1) await late.promise;
    yield { cursor: 'x', notices: [], rescan: false };
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }
  const onReturn = (listener: () => void): (() => void) => {
    back = listener;
    return () => undefined;
  };
  const batches = watchShards({ shards: [0, 1], watch, onReturn }, undefined, stop.signal)[Symbol.asyncIterator]();
  assert.deepEqual(await batches.next(), { done: false, value: { cursor: '0:x,1:', notices: [], rescan: false } });
  late.resolve();
  assert.deepEqual(await batches.next(), { done: false, value: { cursor: '0:x,1:x', notices: [], rescan: true } });
  const next = batches.next();
  await settle();
  back();
  assert.deepEqual(await next, { done: false, value: { cursor: '0:x,1:x', notices: [], rescan: true } });
  stop.abort();
  assert.equal((await batches.next()).done, true);
});

test('over files: rows of a damaged shard are found once it was mended', async (t) => {
  const { store, clock, writers, open, data } = damaged(t);
  await open(0);
  const kind = newId('commit', random);
  await enqueue(store, 'alice', kind);
  assert.deepEqual(await store.outboxOwners(kind), ['alice']);
  rmSync(shardFile(data, 1));
  await open(1);
  await enqueue(store, 'bob', kind);
  const stop = new AbortController();
  const batches = store.watch(undefined, stop.signal)[Symbol.asyncIterator]();
  assert.equal((await batches.next()).value.rescan, false);
  const told = batches.next();
  await clock.advance(30_000);
  assert.equal((await told).value.rescan, true);
  assert.deepEqual([...(await store.outboxOwners(kind))].sort(), ['alice', 'bob']);
  stop.abort();
  await store.close();
  for (const writer of writers.values()) await writer.close();
});

interface Damaged {
  readonly data: string;
  readonly store: SqliteMailStore;
  readonly clock: FakeClock;
  readonly writers: ReadonlyMap<number, ShardWriter>;
  readonly open: (shard: number) => Promise<void>;
}

/** Two shards, the second of which is no database. */
function damaged(t: TestContext): Damaged {
  const data = temporaryFolder(t);
  const clock = new FakeClock();
  const writers = new Map<number, ShardWriter>();
  mkdirSync(data, { recursive: true });
  writeFileSync(shardFile(data, 1), 'no database at all '.repeat(1_000));
  const store = openMailStore({
    data,
    shards: 2,
    locate: async (id) => (id === 'alice' ? 0 : 1),
    log: silentLog,
    clock,
    writers: (shard) => writers.get(shard),
  });
  const open = async (shard: number): Promise<void> => {
    writers.set(shard, await openShardWriter({ data, shard, log: silentLog, clock: systemClock, collectEvery: 0 }));
  };
  return { data, store, clock, writers, open };
}

async function enqueue(store: SqliteMailStore, owner: string, kind: string): Promise<void> {
  const answer = await store.commit({
    owner,
    actor: owner,
    id: newId('commit', random),
    mutations: [
      { type: 'create-account', mailboxes: [{ id: 'inbox', name: 'INBOX' }] },
      { type: 'enqueue-outbox', id: '1', kind, payload: Buffer.alloc(0) },
    ],
  });
  assert.ok(answer.ok, JSON.stringify(answer));
}
