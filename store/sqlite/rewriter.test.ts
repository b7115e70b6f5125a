/** Sparse segments are rewritten: nothing lost, no file left over, whatever was going on meanwhile. */
import assert from 'node:assert/strict';
import { readdirSync, statSync, utimesSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { random, sketch } from '#test/contract/fixtures.ts';
import { FakeClock } from '#test/support/clock.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { recordingLog } from '#test/support/log.ts';
import { newId } from '../ids.ts';
import type { Mutation } from '../mutation.ts';
import type { NewMessage } from '../types.ts';
import { single } from '../uid-set.ts';
import { openDatabase } from './database.ts';
import { segmentFile, segmentFolder, shardFile } from './paths.ts';
import { Rewriter } from './rewriter.ts';
import { SCHEMA } from './schema.ts';
import { sparseSegment } from './segments.ts';
import { openMailStore } from './store.ts';
import { shardUsage } from './usage.ts';
import { openShardWriter } from './writer.ts';

const HOUR = 3_600_000;
/** Octets behind each body (segment.ts). */
const TRAILER = 42;
const access = { owner: 'alice', viewer: 'alice' };

async function ground(t: TestContext) {
  const data = temporaryFolder(t);
  const clock = new FakeClock();
  const log = recordingLog();
  const writer = await openShardWriter({
    data,
    shard: 0,
    log,
    clock,
    collectEvery: 0,
    retention: { expunged: HOUR, staged: 24 * HOUR },
  });
  const store = openMailStore({ data, shards: 1, locate: async () => 0, log, clock, writers: () => writer });
  t.after(async () => {
    await store.close();
    await writer.close();
  });
  const ok = async (...mutations: Mutation[]): Promise<void> => {
    const answer = await store.commit({ owner: 'alice', actor: 'alice', id: newId('commit', random), mutations });
    assert.ok(answer.ok, JSON.stringify(answer));
  };
  const stage = async (text: string): Promise<{ message: NewMessage; content: Buffer }> => {
    const { message, content } = sketch({ text: text.repeat(100_000) });
    async function* pieces() {
      yield content;
    }
    return { message: { ...message, body: await store.stage('alice', pieces()) }, content };
  };
  const add = (message: NewMessage): Mutation => ({ type: 'add-message', mailbox: 'inbox', message, flags: [] });
  const expunge = (uid: number): Mutation => ({
    type: 'expunge',
    mailbox: 'inbox',
    uids: single(uid),
    onlyDeleted: false,
  });
  const read = async (uid: number): Promise<Buffer> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of store.content(access, 'inbox', uid, 0, 1e9)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  await ok({ type: 'create-account', mailboxes: [{ id: 'inbox', name: 'INBOX' }] });
  const folder = segmentFolder(data, 0);
  const files = (): string[] => readdirSync(folder);
  const bytes = (): number => files().reduce((sum, name) => sum + statSync(`${folder}/${name}`).size, 0);
  return { data, folder, clock, log, writer, store, ok, stage, add, expunge, read, files, bytes };
}

/** Three messages of one segment, of which one stays; all is as old as it must be. */
async function sparse(t: TestContext) {
  const on = await ground(t);
  const kept = await on.stage('kept ');
  await on.ok(
    on.add(kept.message),
    on.add((await on.stage('gone ')).message),
    on.add((await on.stage('lost ')).message),
  );
  await on.ok(on.expunge(2), on.expunge(3));
  return { ...on, kept };
}

test('what lives in a sparse segment moves; what is only staged too; the file goes after a while', async (t) => {
  const on = await sparse(t);
  await on.clock.advance(HOUR / 2);
  const pending = await on.stage('wait ');
  const [file] = on.files();
  const before = on.bytes();
  assert.equal(on.files().length, 1);
  const usage = () => {
    const [shard] = shardUsage(on.data, 3);
    assert.ok(shard && !('error' in shard), JSON.stringify(shard));
    return shard.segments;
  };
  assert.deepEqual(usage(), { files: 1, live: before - 4 * TRAILER, dead: 0 });
  await on.clock.advance(23 * HOUR);
  await on.writer.collect();
  assert.deepEqual(on.files(), [file], 'its owner may be writing to it still');
  await on.clock.advance(HOUR);
  await on.writer.collect();
  assert.equal(on.files().length, 2);
  assert.deepEqual(await on.read(1), on.kept.content);
  await on.clock.advance(HOUR / 3);
  await on.ok(on.add(pending.message));
  await on.writer.collect();
  assert.ok(!on.files().includes(file!));
  assert.deepEqual(await on.read(1), on.kept.content);
  assert.deepEqual(await on.read(4), pending.content);
  assert.equal(on.files().length, 1);
  assert.deepEqual(usage(), { files: 1, live: on.bytes() - 2 * TRAILER, dead: 0 });
  assert.ok(on.bytes() < before * 0.6, `${before} octets became ${on.bytes()}`);
});

test('a crash before the move is committed leaves all in its place, and the copy is swept', async (t) => {
  const on = await sparse(t);
  await on.clock.advance(2 * HOUR);
  await on.writer.collect();
  const db = openDatabase(shardFile(on.data, 0), { migrations: SCHEMA, readOnly: true });
  t.after(() => db.close());
  const { clock, log, folder } = on;
  const crash = new Error('crash');
  const rewriter = new Rewriter({
    folder,
    random,
    now: () => clock.now(),
    log,
    sparse: async (skip) => sparseSegment(db, Number.POSITIVE_INFINITY, skip),
    move: async () => {
      throw crash;
    },
  });
  const [file] = on.files();
  await assert.rejects(
    rewriter.round(() => false),
    crash,
  );
  const stray = on.files().find((name) => name !== file)!;
  assert.deepEqual(await on.read(1), on.kept.content);
  utimesSync(`${folder}/${stray}`, 0, 0);
  await on.writer.collect();
  assert.deepEqual(on.files(), [file]);
  assert.deepEqual(await on.read(1), on.kept.content);
});

test('a body that went while it was copied leaves no octets that count as alive', async (t) => {
  const on = await sparse(t);
  await on.clock.advance(25 * HOUR);
  const collected = on.writer.collect();
  await on.ok(on.expunge(1));
  await collected;
  await on.clock.advance(2 * HOUR);
  await on.writer.collect();
  await on.clock.advance(25 * HOUR);
  await on.writer.collect();
  await on.clock.advance(HOUR);
  await on.writer.collect();
  assert.deepEqual(on.files(), []);
});

test('a damaged body stays where it is, and is said to be damaged; the others move', async (t) => {
  const on = await sparse(t);
  const other = await on.stage('fine ');
  await on.ok(on.add(other.message), on.add((await on.stage('away ')).message), on.expunge(5));
  const [file] = on.files();
  const handle = await open(`${on.folder}/${file}`, 'r+');
  await handle.write(Buffer.from('y'), 0, 1, 300_000);
  await handle.close();
  await on.clock.advance(25 * HOUR);
  await on.writer.collect();
  await on.clock.advance(HOUR);
  await on.writer.collect();
  assert.equal(on.files().length, 2);
  assert.equal(segmentFile('', file!.slice(0, -4)), file);
  await assert.rejects(on.read(1), { failure: 'unavailable' });
  assert.deepEqual(await on.read(4), other.content);
  assert.ok(on.log.entries.some(({ level, message }) => level === 'error' && /can not be read/.test(message)));
});
