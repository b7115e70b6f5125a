/** What the contract suite can't see from outside: damage, failing groups, collection, cursors over restarts, who may write. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { random, sketch } from '#test/contract/fixtures.ts';
import { FakeClock } from '#test/support/clock.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { recordingLog, silentLog } from '#test/support/log.ts';
import { newId } from '../ids.ts';
import type { CommitAnswer, Mutation } from '../mutation.ts';
import type { MailStore } from '../store.ts';
import type { NewMessage } from '../types.ts';
import { ALL, single } from '../uid-set.ts';
import { openDatabase } from './database.ts';
import { GroupRunner } from './group.ts';
import type { Job } from './job.ts';
import { packMessage } from './pack.ts';
import { segmentFile, segmentFolder, shardFile } from './paths.ts';
import { SCHEMA } from './schema.ts';
import { openMailStore } from './store.ts';
import { openShardWriter, type ShardWriter } from './writer.ts';

const DAY = 86_400_000;
const access = { owner: 'alice', viewer: 'alice' };

interface Ground {
  readonly data: string;
  readonly clock: FakeClock;
  readonly log: ReturnType<typeof recordingLog>;
  readonly writer: ShardWriter;
  readonly store: MailStore;
  readonly ok: (...mutations: Mutation[]) => Promise<CommitAnswer & { ok: true }>;
}

async function ground(t: TestContext, data = temporaryFolder(t)): Promise<Ground> {
  const clock = new FakeClock();
  const log = recordingLog();
  const writer = await openShardWriter({ data, shard: 0, log, clock, collectEvery: 0 });
  const store = openMailStore({ data, shards: 1, locate: async () => 0, log, clock, writers: () => writer });
  t.after(async () => {
    await store.close();
    await writer.close();
  });
  const ok = async (...mutations: Mutation[]): Promise<CommitAnswer & { ok: true }> => {
    const answer = await store.commit({ owner: 'alice', actor: 'alice', id: newId('commit', random), mutations });
    assert.ok(answer.ok, JSON.stringify(answer));
    return answer;
  };
  return { data, clock, log, writer, store, ok };
}

const create: Mutation = { type: 'create-account', mailboxes: [{ id: 'inbox', name: 'INBOX' }] };
const add = (message: NewMessage = sketch().message, flags: string[] = []): Mutation => ({
  type: 'add-message',
  mailbox: 'inbox',
  message,
  flags,
});

async function staged(store: MailStore, text: string): Promise<{ message: NewMessage; content: Buffer }> {
  const { message, content } = sketch({ text });
  async function* pieces() {
    yield content;
  }
  return { message: { ...message, body: await store.stage('alice', pieces()) }, content };
}

async function read(store: MailStore, uid: number, start = 0, end = 1e9): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.content(access, 'inbox', uid, start, end)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('damage is unavailable for that message, and a line in the log', async (t) => {
  const { data, store, log, ok } = await ground(t);
  const large = await staged(store, 'x'.repeat(200_000));
  await ok(create, add(), add(), add(large.message), add());
  const db = openDatabase(shardFile(data, 0), { migrations: SCHEMA });
  db.exec("UPDATE bodies SET data = CAST(replace(data, 'Some', 'Same') AS BLOB) WHERE n = 2");
  db.exec("UPDATE messages SET columns = CAST(replace(columns, 'Hello', 'Hullo') AS BLOB) WHERE k = 2");
  db.close();
  const [segment] = readdirSync(segmentFolder(data, 0));
  const file = await open(`${segmentFolder(data, 0)}/${segment}`, 'r+');
  await file.write(Buffer.from('y'), 0, 1, 150_000);
  await file.close();

  await assert.rejects(read(store, 1), { failure: 'unavailable' });
  assert.ok((await read(store, 2)).length > 0);
  await assert.rejects(read(store, 3), { failure: 'unavailable' });
  assert.deepEqual(await read(store, 3, 0, 60_000), large.content.subarray(0, 60_000));
  const seen: number[] = [];
  const readAll = async (): Promise<void> => {
    for await (const rows of store.messages(access, 'inbox', ALL, { envelope: true })) {
      seen.push(...rows.map(({ uid }) => uid));
    }
  };
  await assert.rejects(readAll, { failure: 'unavailable' });
  assert.deepEqual(seen, [1, 3, 4]);
  assert.equal(log.entries.filter(({ level }) => level === 'error').length, 3);
  assert.deepEqual(await store.search(access, 'inbox', { key: 'body', text: 'some' }), single(4));

  const contents: number[] = [];
  const readContents = async (): Promise<void> => {
    for await (const rows of store.messages(access, 'inbox', ALL, { content: true })) {
      contents.push(...rows.map(({ uid, content }) => (content === undefined ? -uid : uid)));
    }
  };
  await assert.rejects(readContents, { failure: 'unavailable' });
  assert.deepEqual(contents, [2, -3, 4]);
});

test('a fault in one commit of a group does not take the others down', (t) => {
  const folder = temporaryFolder(t);
  const db = openDatabase(`${folder}/shard.sqlite`, { migrations: SCHEMA });
  t.after(() => db.close());
  const runner = new GroupRunner(db, { random, now: () => 0, log: silentLog });
  const commit = (id: string, ...mutations: unknown[]): Job =>
    ({ kind: 'commit', commit: { owner: 'alice', actor: 'alice', id, mutations } }) as Job;
  runner.run([commit('0', create)]);
  const packed = () => ({ ...add(), message: packMessage(sketch().message) });
  const faulty = { ...packed(), flags: null };
  const { answers, notices } = runner.run([
    commit('1', packed()),
    commit('2', faulty),
    commit('3', packed()),
    commit('4', { type: 'expunge', mailbox: 'nowhere', onlyDeleted: false }),
  ]);
  const [first, second, third, fourth] = answers;
  assert.ok(first && 'ok' in first && first.ok && first.modseq === 2);
  assert.deepEqual(second, { error: { failure: 'unavailable', message: 'the commit failed' } });
  assert.ok(third && 'ok' in third && third.ok && third.modseq === 3);
  assert.ok(fourth && 'ok' in fourth && !fourth.ok && fourth.failure === 'no-such-mailbox');
  assert.deepEqual(
    notices.map(({ modseq }) => modseq),
    [2, 3],
  );
  assert.equal(db.arrays('SELECT count(*) FROM placements').get()?.[0 as never], 2);
});

test('what nobody refers to any more is collected, segments too', async (t) => {
  const { data, clock, store, writer, ok } = await ground(t);
  const large = await staged(store, 'x'.repeat(100_000));
  await staged(store, 'never named'.repeat(10_000));
  await ok(create, add(), add(large.message));
  await ok({ type: 'copy', from: 'inbox', uids: single(2), to: 'inbox' });
  const bodies = (): unknown => {
    const db = openDatabase(shardFile(data, 0), { migrations: SCHEMA, readOnly: true });
    const count = db.arrays('SELECT (SELECT count(*) FROM bodies), (SELECT count(*) FROM messages)').get();
    db.close();
    return count;
  };
  assert.deepEqual(bodies(), [3, 2]);
  await clock.advance(2 * DAY);
  await writer.collect();
  assert.deepEqual(bodies(), [2, 2], 'the staged body that no commit named is gone');
  await ok({ type: 'expunge', mailbox: 'inbox', uids: single(2), onlyDeleted: false });
  await clock.advance(8 * DAY);
  await writer.collect();
  assert.deepEqual(bodies(), [2, 2], 'the copy still needs it');
  assert.deepEqual(await read(store, 3), large.content);
  const stray = segmentFile(segmentFolder(data, 0), 'stray');
  writeFileSync(stray, '');
  await ok({ type: 'delete-account' });
  await writer.collect();
  assert.ok(existsSync(stray), 'it may be in use still');
  utimesSync(stray, 0, 0);
  await writer.collect();
  assert.deepEqual(bodies(), [0, 0]);
  assert.ok(readdirSync(segmentFolder(data, 0)).length > 0, 'somebody may be reading it still');
  for (const wait of [2 * DAY, DAY / 24]) {
    await clock.advance(wait);
    await writer.collect();
  }
  assert.deepEqual(readdirSync(segmentFolder(data, 0)), []);
});

test('space comes back when mail has gone for good', async (t) => {
  const { data, clock, store, writer, ok } = await ground(t);
  await ok(create);
  const text = 'x'.repeat(12_000);
  for (let i = 0; i < 10; i++) await ok(...Array.from({ length: 150 }, () => add(sketch({ text }).message)));
  await ok({ type: 'expunge', mailbox: 'inbox', onlyDeleted: false });
  const size = (): number => statSync(shardFile(data, 0)).size;
  await clock.advance(8 * DAY);
  await writer.collect();
  await ok(add());
  await store.close();
  await writer.close();
  assert.ok(size() < 8_000_000, `${size()} octets for one message`);
  const db = openDatabase(shardFile(data, 0), { migrations: SCHEMA });
  assert.deepEqual(db.arrays('PRAGMA integrity_check').all(), [['ok']]);
  db.close();
});

test('a long log is trimmed in slices, and what is left of it tells where it begins', async (t) => {
  const { data, clock, store, writer, ok } = await ground(t);
  await ok(create);
  const db = openDatabase(shardFile(data, 0), { migrations: SCHEMA });
  db.exec(`WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 12001)
    INSERT INTO changes (account, modseq, at, records) SELECT 1, i, ${clock.now()}, '[]' FROM n`);
  const left = (): unknown => db.arrays('SELECT count(*) FROM changes').get();
  await clock.advance(10 * DAY);
  await writer.collect();
  assert.deepEqual(left(), [12_001]);
  await clock.advance(81 * DAY);
  await writer.collect();
  assert.deepEqual(left(), [0]);
  assert.deepEqual(await store.changes(access, 12_000, 10), { complete: false, modseq: 12_001 });
  assert.deepEqual(await store.changes(access, 12_001, 10), { complete: true, modseq: 12_001, records: [] });
  assert.equal((await ok(add())).modseq, 12_002);
  db.close();
});

test('a cursor holds over a restart of the writer, also behind what is in memory', async (t) => {
  const data = temporaryFolder(t);
  const first = await ground(t, data);
  const never = new AbortController();
  await first.ok(create);
  const begin = first.store.watch(undefined, never.signal)[Symbol.asyncIterator]();
  const { value } = await begin.next();
  await begin.return?.();
  for (let n = 0; n < 300; n++) await first.ok(add());
  await first.store.close();
  await first.writer.close();

  const second = await ground(t, data);
  const seen: number[] = [];
  const abort = new AbortController();
  for await (const batch of second.store.watch(value.cursor, abort.signal)) {
    assert.equal(batch.rescan, false);
    seen.push(...batch.notices.map(({ modseq }) => modseq));
    if (seen.length === 300) void second.ok(add());
    if (seen.length > 300) abort.abort();
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 301 }, (_, i) => i + 2),
  );
  await second.clock.advance(40 * DAY);
  await second.writer.collect();
  const late = second.store.watch(value.cursor, AbortSignal.timeout(10_000))[Symbol.asyncIterator]();
  assert.equal((await late.next()).value.rescan, true, 'what it names was collected');
  await late.return?.();
});

test('one writer at a time; a command takes the lease only when nobody holds it', async (t) => {
  const { data, clock, store, writer, ok } = await ground(t);
  await ok(create);
  await assert.rejects(openShardWriter({ data, shard: 0, log: silentLog, clock }), { failure: 'unavailable' });
  const own = openMailStore({ data, shards: 1, locate: async () => 0, log: silentLog, clock, own: true });
  const commit = { owner: 'alice', actor: 'alice', id: 'own', mutations: [add()] };
  await assert.rejects(own.commit(commit), { failure: 'unavailable' });
  const next = openShardWriter({ data, shard: 0, log: silentLog, clock, wait: AbortSignal.timeout(10_000) });
  await writer.close();
  await assert.rejects(store.commit(commit), { failure: 'unavailable' });
  await (await next).close();
  assert.ok((await own.commit(commit)).ok);
  assert.equal((await own.accountState(access)).usedMessages, 1);
  await own.close();
  await own.close();
});

test('a store at rest can be read, without a writer anywhere', async (t) => {
  const data = temporaryFolder(t);
  const first = await ground(t, data);
  await first.ok(create, add());
  await first.store.close();
  await first.writer.close();
  const { clock } = first;
  const store = openMailStore({ data, shards: 1, locate: async () => 0, log: silentLog, clock });
  assert.equal((await store.mailboxes(access)).mailboxes[0]?.messages, 1);
  assert.deepEqual(await store.search(access, 'inbox', { key: 'subject', text: 'hello' }), single(1));
  await store.close();
});

test('huge work is cut off a group, so that what stands behind it waits no longer than it must', (t) => {
  const db = openDatabase(`${temporaryFolder(t)}/shard.sqlite`, { migrations: SCHEMA });
  t.after(() => db.close());
  const runner = new GroupRunner(db, { random, now: () => 0, log: silentLog });
  const commit = (id: string, ...mutations: unknown[]): Job =>
    ({ kind: 'commit', commit: { owner: 'alice', actor: 'alice', id, mutations } }) as Job;
  runner.run([commit('0', create)]);
  const message = packMessage(sketch().message);
  const many = Array.from({ length: 20_000 }, () => ({ type: 'add-message', mailbox: 'inbox', message, flags: [] }));
  const { taken, answers } = runner.run([commit('1', ...many), commit('2', { ...add(), message })]);
  assert.equal(taken, 1);
  assert.equal(answers.length, 1);
});

test('a segment is left alone by whoever did not open it', async (t) => {
  const data = temporaryFolder(t);
  const first = await ground(t, data);
  await first.ok(create);
  await staged(first.store, 'one');
  await staged(first.store, 'two');
  assert.equal(readdirSync(segmentFolder(data, 0)).length, 1);
  await first.store.close();
  const { clock, log, writer } = first;
  const store = openMailStore({ data, shards: 1, locate: async () => 0, log, clock, writers: () => writer });
  await staged(store, 'three');
  await store.close();
  const files = readdirSync(segmentFolder(data, 0));
  assert.equal(files.length, 2);
  assert.ok(files.every((name) => segmentFile('', name.slice(0, -4)) === name));
});
