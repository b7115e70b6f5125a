import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { MailError } from '#mail/failure.ts';
import type { Log } from '../ambient.ts';
import { createRpcClient } from './client.ts';
import { encodeFrame, FrameReader, KIND } from './frame.ts';
import type { RpcHandlers } from './rpc.ts';
import { serveRpc } from './server.ts';

const nothing = (): void => undefined;
const log: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => log };

let folder: string;
let server: Server;
let sockets: Set<Socket>;
let handlers: RpcHandlers;
const path = (): string => join(folder, 'rpc.sock');

function listen(): Promise<void> {
  server = createServer((socket) => {
    sockets.add(socket);
    serveRpc(socket, handlers, { log });
  });
  return new Promise((resolve) => server.listen(path(), resolve));
}

async function stop(): Promise<void> {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await new Promise((resolve) => server.close(resolve));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rpc-'));
  sockets = new Set();
  handlers = { call: async (_method, argument) => argument };
  await listen();
});

afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

test('many calls in flight, answered in any order', async () => {
  const waiting: (() => void)[] = [];
  handlers = {
    call: (_method, argument) => new Promise((resolve) => waiting.push(() => resolve(argument))),
  };
  const client = createRpcClient({ connect: path() });
  const calls = Array.from({ length: 50 }, (_, i) => client.call('echo', { i, bytes: Buffer.from(`${i}`) }));
  while (waiting.length < 50) await new Promise((resolve) => setImmediate(resolve));
  for (const answer of waiting.reverse()) answer();
  const answers = (await Promise.all(calls)) as { i: number; bytes: Uint8Array }[];
  answers.forEach((answer, i) => {
    assert.equal(answer.i, i);
    assert.equal(Buffer.from(answer.bytes).toString(), `${i}`);
  });
  await client.close();
});

test('a MailError keeps its failure; anything else is temporary and silent', async () => {
  handlers = {
    async call(method) {
      if (method === 'refuse') throw new MailError('over-quota', 'full');
      throw new TypeError('secret detail');
    },
  };
  const client = createRpcClient({ connect: path() });
  await assert.rejects(client.call('refuse', 1), { name: 'MailError', failure: 'over-quota', message: 'full' });
  await assert.rejects(client.call('break', 1), { failure: 'unavailable', message: 'internal error' });
  await client.close();
});

test('a stream waits for its reader', async () => {
  let made = 0;
  handlers = {
    call: async () => undefined,
    async *stream() {
      for (; made < 1_000; made++) yield made;
    },
  };
  const client = createRpcClient({ connect: path(), credit: 4 });
  const seen: unknown[] = [];
  for await (const item of client.stream('count', undefined, new AbortController().signal)) {
    if (seen.length === 0) for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    if (seen.length === 0) assert.ok(made <= 5, `made ${made} while one was read`);
    seen.push(item);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 1_000 }, (_, i) => i),
  );
  await client.close();
});

test('cancelling ends the generator on the other side', async () => {
  const { promise: cancelled, resolve } = Promise.withResolvers<void>();
  handlers = {
    call: async () => undefined,
    async *stream(_method, _argument, signal) {
      signal.addEventListener('abort', () => resolve());
      yield 'first';
      await cancelled;
    },
  };
  const client = createRpcClient({ connect: path() });
  const abort = new AbortController();
  for await (const item of client.stream('x', undefined, abort.signal)) {
    assert.equal(item, 'first');
    abort.abort();
  }
  await cancelled;
  await client.close();
});

test('a failing stream fails its reader', async () => {
  handlers = {
    call: async () => undefined,
    async *stream() {
      yield 'first';
      throw new MailError('no-such-account', 'who?');
    },
  };
  const client = createRpcClient({ connect: path() });
  const read = async (): Promise<void> => {
    for await (const item of client.stream('x', undefined, new AbortController().signal)) assert.equal(item, 'first');
  };
  await assert.rejects(read, { failure: 'no-such-account' });
  await client.close();
});

test('a lost connection fails what is in flight, and the next call connects again', async () => {
  const { promise: called, resolve } = Promise.withResolvers<void>();
  handlers = {
    call: () => {
      resolve();
      return new Promise(nothing);
    },
  };
  const client = createRpcClient({ connect: path() });
  const lost = assert.rejects(client.call('hang', 1), { failure: 'unavailable' });
  await called;
  await stop();
  await lost;
  handlers = { call: async () => 'back' };
  const again = client.call('x', 1);
  await listen();
  assert.equal(await again, 'back');
  await client.close();
});

test('no answer within the deadline is unavailable', async () => {
  handlers = { call: () => new Promise(nothing) };
  const client = createRpcClient({ connect: path() });
  await assert.rejects(client.call('hang', 1, { deadlineMs: 20 }), { failure: 'unavailable' });
  const nobody = createRpcClient({ connect: join(folder, 'nobody.sock'), deadlineMs: 30 });
  await assert.rejects(nobody.call('x', 1), { failure: 'unavailable' });
  await nobody.close();
  await client.close();
});

test('ending a served connection finishes the calls in hand', async () => {
  const { promise: called, resolve } = Promise.withResolvers<void>();
  let answer: (value: unknown) => void = nothing;
  handlers = {
    call: () => {
      resolve();
      return new Promise((done) => {
        answer = done;
      });
    },
  };
  let served: ReturnType<typeof serveRpc> | undefined;
  server.removeAllListeners('connection');
  server.on('connection', (socket) => {
    served = serveRpc(socket, handlers, { log });
  });
  const client = createRpcClient({ connect: path() });
  const call = client.call('slow', 1);
  await called;
  const ended = served?.end();
  answer('done');
  assert.equal(await call, 'done');
  await ended;
  await client.close();
});

test('what a server that ends had not taken is asked of the next one, and only that', async () => {
  const held: (() => void)[] = [];
  const taken: unknown[] = [];
  const served: { end(): Promise<void> }[] = [];
  await stop();
  server = createServer((socket) => {
    sockets.add(socket);
    const generation = served.length;
    const call = (_method: string, argument: unknown) => {
      taken.push([generation, argument]);
      return new Promise((resolve) => (generation === 0 ? held.push(() => resolve(generation)) : resolve(generation)));
    };
    served.push(serveRpc(socket, { call }, { log }));
  });
  await new Promise<void>((resolve) => server.listen(path(), resolve));
  const client = createRpcClient({ connect: path() });
  const first = client.call('a', 1);
  while (held.length < 1) await new Promise((resolve) => setImmediate(resolve));
  const ended = served[0]?.end();
  // Sent before the goodbye has come, and too late to be taken.
  const second = client.call('b', 2);
  assert.equal(await second, 1);
  assert.equal(await client.call('c', 3), 1);
  held[0]?.();
  assert.equal(await first, 0);
  await ended;
  assert.deepEqual(taken, [
    [0, 1],
    [1, 2],
    [1, 3],
  ]);
  await client.close();
});

test('frames survive any cut of the stream', () => {
  const value = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.double(), fc.uint8Array(), fc.boolean()), {
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(fc.array(value, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 40 })), (values, cuts) => {
      const bytes = Buffer.concat(values.map((one, i) => encodeFrame(KIND.item, i, one)));
      const reader = new FrameReader();
      const seen: unknown[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const length = cuts.length > 0 ? cuts[i % cuts.length]! : bytes.length;
        for (const frame of reader.push(bytes.subarray(at, at + length))) seen.push(frame.value);
        at += length;
      }
      assert.deepEqual(seen, values);
    }),
    { numRuns: 200 },
  );
});

test('a frame without sense is an error', () => {
  assert.throws(() => [...new FrameReader().push(Buffer.from([255, 255, 255, 255, 0]))]);
  assert.throws(() => [...new FrameReader().push(Buffer.from([0, 0, 0, 0]))]);
});
