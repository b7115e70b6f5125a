import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createRpcClient } from '#runtime/rpc/client.ts';
import { FakeClock, settle } from '#test/support/clock.ts';
import { recordingLog } from '#test/support/log.ts';
import { type HeldWriter, WriterHolder } from './writer-holder.ts';

class FakeWriter implements HeldWriter {
  readonly ended: Promise<void>;
  readonly handlers = { call: async (method: string) => `${this.name} ${method}` };
  readonly name: string;
  breakDown: () => void = () => undefined;
  closed = 0;

  constructor(name: string) {
    this.name = name;
    this.ended = new Promise((resolve) => {
      this.breakDown = resolve;
    });
  }

  async close(): Promise<void> {
    this.closed += 1;
    this.breakDown();
  }
}

interface Fixture {
  readonly holder: WriterHolder<FakeWriter>;
  readonly claims: boolean[];
  readonly clock: FakeClock;
  readonly path: string;
  /** Each answers one `open`. */
  readonly opened: PromiseWithResolvers<FakeWriter>[];
}

async function fixture(t: TestContext): Promise<Fixture> {
  const clock = new FakeClock();
  const claims: boolean[] = [];
  const opened: PromiseWithResolvers<FakeWriter>[] = [];
  const holder = new WriterHolder<FakeWriter>({
    listener: 'store-0',
    open(signal) {
      const next = Promise.withResolvers<FakeWriter>();
      signal.addEventListener('abort', () => next.reject(signal.reason));
      opened.push(next);
      return next.promise;
    },
    claim: (_listener, held) => claims.push(held),
    clock,
    log: recordingLog(),
  });
  const path = join(tmpdir(), `${randomUUID()}.sock`);
  const server = createServer({ pauseOnConnect: true }, (socket: Socket) => holder.accept(socket));
  server.listen(path);
  await once(server, 'listening');
  t.after(async () => {
    await holder.release();
    server.close();
  });
  holder.assign(true);
  return { holder, claims, clock, path, opened };
}

test('who connects before the lease is taken waits for it', async (t) => {
  const { holder, claims, path, opened } = await fixture(t);
  const client = createRpcClient({ connect: path });
  const answer = client.call('hello', undefined);
  await settle();
  assert.equal(holder.writer, undefined);
  opened[0]?.resolve(new FakeWriter('w1'));
  assert.equal(await answer, 'w1 hello');
  assert.deepEqual(claims, [true]);
  await client.close();
});

test('release answers what is in hand and closes the writer once', async (t) => {
  const { holder, claims, path, opened } = await fixture(t);
  const writer = new FakeWriter('w1');
  opened[0]?.resolve(writer);
  const client = createRpcClient({ connect: path });
  assert.equal(await client.call('a', undefined), 'w1 a');
  await holder.release();
  assert.deepEqual(claims, [true, false]);
  assert.equal(writer.closed, 1);
  assert.equal(opened.length, 1);
  await client.close();
});

test('a writer that breaks down is replaced, and its clients find the next', async (t) => {
  const { claims, path, opened } = await fixture(t);
  const first = new FakeWriter('w1');
  opened[0]?.resolve(first);
  const client = createRpcClient({ connect: path });
  assert.equal(await client.call('a', undefined), 'w1 a');
  first.breakDown();
  while (opened.length < 2) await settle();
  opened[1]?.resolve(new FakeWriter('w2'));
  assert.equal(await client.call('b', undefined), 'w2 b');
  assert.deepEqual(claims, [true, false, true]);
  await client.close();
});

test('a writer that cannot be opened is tried again after a while', async (t) => {
  const { clock, opened } = await fixture(t);
  opened[0]?.reject(new Error('disk'));
  await settle();
  assert.equal(opened.length, 1);
  await clock.advance(1_000);
  assert.equal(opened.length, 2);
});

test('what is another worker’s is given up, and taken again when it is ours once more', async (t) => {
  const { holder, claims, path, opened } = await fixture(t);
  const first = new FakeWriter('w1');
  opened[0]?.resolve(first);
  const client = createRpcClient({ connect: path });
  assert.equal(await client.call('a', undefined), 'w1 a');
  holder.assign(false);
  holder.assign(false);
  while (first.closed === 0) await settle();
  assert.equal(holder.writer, undefined);
  holder.assign(true);
  while (opened.length < 2) await settle();
  // Again before the lease is taken: nobody waits for it any more.
  holder.assign(false);
  await settle();
  holder.assign(true);
  while (opened.length < 3) await settle();
  opened[2]?.resolve(new FakeWriter('w3'));
  assert.equal(await client.call('b', undefined), 'w3 b');
  assert.deepEqual(claims, [true, false, true]);
  await holder.release();
  holder.assign(true);
  await settle();
  assert.equal(opened.length, 3, 'released for good');
  await client.close();
});
