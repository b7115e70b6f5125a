import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { createRpcClient } from '#runtime/rpc/client.ts';
import { serveRpc } from '#runtime/rpc/server.ts';
import { systemClock } from '#runtime/system.ts';
import { copyAsCrashed } from '#test/contract/crash.ts';
import { queueContract, spoolFolder } from '#test/contract/queue.ts';
import { FakeClock } from '#test/support/clock.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { silentLog } from '#test/support/log.ts';
import type { NewQueueEntry } from '../queue.ts';
import { openQueue, openQueueWriter, serveQueue } from './queue.ts';

function folders() {
  const root = spoolFolder();
  const data = join(root.path, 'data');
  const spool = join(root.path, 'spool');
  for (const path of [data, spool]) mkdirSync(path);
  return { root, data, spool };
}

queueContract('sqlite writer', async ({ clock }) => {
  const { root, data, spool } = folders();
  const queue = await openQueueWriter({ data, clock, log: silentLog });
  const open = [queue];
  return {
    queue,
    spool,
    async crash() {
      const again = await openQueueWriter({ data: copyAsCrashed(data, root.path), clock, log: silentLog });
      open.push(again);
      return again;
    },
    async close() {
      await Promise.all(open.map((one) => one.close()));
      root.remove();
    },
  };
});

queueContract('sqlite client', async ({ clock }) => {
  const { root, data, spool } = folders();
  const writer = await openQueueWriter({ data, clock, log: silentLog });
  const path = join(root.path, 'queue.sock');
  const server = createServer((socket) => serveRpc(socket, serveQueue(writer), { log: silentLog }));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const rpc = createRpcClient({ connect: path });
  const queue = openQueue({ data, rpc, clock: systemClock });
  return {
    queue,
    spool,
    async close() {
      await queue.close();
      await rpc.close();
      await new Promise((resolve) => server.close(resolve));
      await writer.close();
      root.remove();
    },
  };
});

const entry = (id: string, content: NewQueueEntry['content']): NewQueueEntry => ({
  id,
  deliveryId: `d-${id}`,
  reversePath: null,
  bodyType: '7bit',
  smtputf8: false,
  arrivedAt: 0,
  expiresAt: 1,
  recipients: [{ address: { localPart: 'a', domain: 'b.test' } }],
  content,
});

test('content of an entry that could not be written does not stay', async (t) => {
  const { root, data, spool } = folders();
  t.after(() => root.remove());
  const queue = await openQueueWriter({ data, clock: systemClock, log: silentLog });
  t.after(() => queue.close());
  const file = join(spool, 'one');
  writeFileSync(file, 'x'.repeat(10));
  // No row can hold it, which shows only once the file has been taken.
  const broken = { ...entry('broken', { file, size: 10 }), envelopeId: 1n as unknown as string };
  await assert.rejects(queue.enqueue(broken), { failure: 'unavailable' });
  assert.deepEqual(await readdir(join(data, 'queue')), ['broken.eml']);
  await queue.enqueue(entry('next', { data: new Uint8Array(3) }));
  assert.deepEqual(await readdir(join(data, 'queue')), []);
});

test('files go with their entries; what a crash left over goes at the next start', async (t) => {
  const data = temporaryFolder(t);
  const options = { data, clock: new FakeClock(), log: silentLog };
  const first = await openQueueWriter(options);
  await first.enqueue(entry('kept', { data: Buffer.alloc(300_000) }));
  await first.enqueue(entry('ended', { data: Buffer.alloc(300_000) }));
  await first.act('drop', ['ended'], 0);
  assert.deepEqual(await readdir(join(data, 'queue')), ['kept.eml']);
  await first.close();
  for (const name of ['orphan.eml', 'not-ours.txt']) writeFileSync(join(data, 'queue', name), 'x');
  const second = await openQueueWriter(options);
  assert.deepEqual((await readdir(join(data, 'queue'))).sort(), ['kept.eml', 'not-ours.txt']);
  await second.close();
});

test('one writer at a time; the next one follows when it goes', async (t) => {
  const options = { data: temporaryFolder(t), clock: new FakeClock(), log: silentLog };
  const first = await openQueueWriter(options);
  await assert.rejects(openQueueWriter(options), { failure: 'unavailable' });
  const next = openQueueWriter({ ...options, signal: AbortSignal.timeout(10_000) });
  const enqueued = first.enqueue(entry('one', { data: Buffer.from('x') }));
  await first.close();
  assert.equal(await enqueued, 'one', 'what is in hand is finished');
  await assert.rejects(first.enqueue(entry('two', { data: Buffer.from('x') })), { failure: 'unavailable' });
  const second = await next;
  assert.equal((await second.counts()).messages, 1);
  await second.close();
});

test('a spool file that is not what it is said to be is refused, and left alone', async (t) => {
  const data = temporaryFolder(t);
  const queue = await openQueueWriter({ data, clock: new FakeClock(), log: silentLog });
  const file = join(data, 'spooled');
  await assert.rejects(queue.enqueue(entry('a', { file, size: 1 })), { failure: 'bad-request' });
  writeFileSync(file, 'abc');
  await assert.rejects(queue.enqueue(entry('a', { file, size: 2 })), { failure: 'bad-request' });
  assert.equal(await queue.enqueue(entry('a', { file, size: 3 })), 'a');
  await queue.close();
});

test('a writer whose thread dies says so, answers unavailable, and leaves all that was answered to the next', async (t) => {
  const { root, data } = folders();
  t.after(() => root.remove());
  const options = { data, clock: systemClock, log: silentLog };
  const [[thread], queue] = await Promise.all([once(process, 'worker') as Promise<[Worker]>, openQueueWriter(options)]);
  const entry: NewQueueEntry = {
    id: 'q1',
    deliveryId: 'd1',
    reversePath: null,
    bodyType: '7bit',
    smtputf8: false,
    arrivedAt: 1,
    expiresAt: 2,
    recipients: [{ address: { localPart: 'a', domain: 'else.test' } }],
    content: { data: Buffer.from('x') },
  };
  await queue.enqueue(entry);
  await thread.terminate();
  await queue.ended;
  await assert.rejects(queue.enqueue({ ...entry, id: 'q2', deliveryId: 'd2' }), { failure: 'unavailable' });
  await assert.rejects(openQueueWriter(options), { failure: 'unavailable' }, 'the lease is held until it is closed');
  await queue.close();
  const next = await openQueueWriter(options);
  t.after(() => next.close());
  assert.equal((await next.get('q1'))?.deliveryId, 'd1');
});
