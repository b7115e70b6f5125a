/** The store of a process that holds no lease: commits, stagings and watches go through the shards' sockets, from one writer to the next. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { serveRpc } from '#runtime/rpc/server.ts';
import { systemClock } from '#runtime/system.ts';
import { random, sketch } from '#test/contract/fixtures.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { silentLog } from '#test/support/log.ts';
import { newId } from '../ids.ts';
import type { Mutation } from '../mutation.ts';
import { shardSocket } from './paths.ts';
import { openMailStore } from './store.ts';
import { openShardWriter, type ShardWriter } from './writer.ts';

const log = silentLog;
const clock = systemClock;

/** Serves a shard as the MDA does: the socket stands before the lease is taken, and what comes waits. */
class Shard {
  readonly writer: ShardWriter;
  readonly #server: Server;
  readonly #connections: Set<{ end(): Promise<void> }>;

  private constructor(writer: ShardWriter, server: Server, connections: Set<{ end(): Promise<void> }>) {
    this.writer = writer;
    this.#server = server;
    this.#connections = connections;
  }

  static async serve(data: string, shard: number): Promise<Shard> {
    const run = join(data, 'run');
    mkdirSync(run, { recursive: true });
    const wait = AbortSignal.timeout(10_000);
    const writer = await openShardWriter({ data, shard, log, clock, wait, collectEvery: 0 });
    const connections = new Set<{ end(): Promise<void> }>();
    const server = createServer((socket) => connections.add(serveRpc(socket, writer.handlers, { log })));
    rmSync(shardSocket(run, shard), { force: true });
    await new Promise<void>((resolve) => server.listen(shardSocket(run, shard), resolve));
    return new Shard(writer, server, connections);
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    await Promise.all(Array.from(this.#connections, (connection) => connection.end()));
    await closed;
    await this.writer.close();
  }
}

test('accounts of two shards, over a change of writers', async (t) => {
  const data = temporaryFolder(t);
  const serving = [await Shard.serve(data, 0), await Shard.serve(data, 1)];
  const store = openMailStore({ data, shards: 2, locate: async (id) => (id === 'alice' ? 0 : 1), log, clock });
  const commit = async (owner: string, ...mutations: Mutation[]): Promise<void> => {
    const answer = await store.commit({ owner, actor: owner, id: newId('commit', random), mutations });
    assert.ok(answer.ok, JSON.stringify(answer));
  };
  const abort = new AbortController();
  const heard: string[] = [];
  let wake: () => void = () => undefined;
  const { promise: watching, resolve: begun } = Promise.withResolvers<void>();
  const listening = (async () => {
    for await (const { notices, rescan } of store.watch(undefined, abort.signal)) {
      assert.equal(rescan, false);
      heard.push(...notices.map(({ account, modseq }) => `${account} ${modseq}`));
      begun();
      wake();
    }
  })();
  const hears = async (what: string): Promise<void> => {
    while (!heard.includes(what)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  await watching;
  const { message, content } = sketch({ text: 'long '.repeat(20_000) });
  async function* pieces() {
    yield content;
  }
  for (const owner of ['alice', 'bob']) {
    const body = await store.stage(owner, pieces());
    const add: Mutation = { type: 'add-message', mailbox: 'inbox', message: { ...message, body }, flags: [] };
    await commit(owner, { type: 'create-account', mailboxes: [{ id: 'inbox', name: 'INBOX' }] }, add);
    await hears(`${owner} 1`);
  }

  await serving[0]?.stop();
  const waiting = commit('alice', { type: 'set-quota', bytes: 5_000_000 });
  assert.equal((await store.accountState({ owner: 'alice', viewer: 'alice' })).usedMessages, 1, 'reads go on');
  serving[0] = await Shard.serve(data, 0);
  await waiting;
  await hears('alice 2');
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.content({ owner: 'alice', viewer: 'alice' }, 'inbox', 1, 0, 1e9)) chunks.push(chunk);
  assert.ok(Buffer.concat(chunks).equals(content));

  abort.abort();
  await listening;
  await store.close();
  for (const shard of serving) await shard.stop();
});
