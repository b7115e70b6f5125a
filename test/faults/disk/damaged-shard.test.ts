/**
 * One of two shards can't be read. Who lives in the other sends by REST, has webhooks and jobs as ever; and once the file is whole again, what its accounts had left
 * waiting goes on by itself.
 */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { directoryFile } from '#store/sqlite/directory-rows.ts';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';

const SHARDS = 2;
const DOMAIN = 'alpha.test';
/** Long enough for the peer to be stopped before it is due. */
const LATER_MS = 20_000;

describe('a damaged shard', { concurrency: 1 }, () => {
  let peer: TestPeer;
  /** A user in each shard. */
  let users: string[];
  const hooks = new EventEmitter();
  const hooked = new Map<string, string[]>();
  const receiver = createServer((asked, answered) => {
    asked.resume().on('end', () => {
      const user = asked.url!.slice(1);
      hooked.set(user, [...(hooked.get(user) ?? []), String(asked.headers['webhook-id'])]);
      answered.writeHead(200).end();
      hooks.emit(user);
    });
  });

  before(async () => {
    await once(receiver.listen(0, '127.0.0.1'), 'listening');
    const toml = `[store]\nshards = ${SHARDS}\n[rest]\nwebhook-networks = ["127.0.0.0/8"]`;
    peer = await startTestPeer({ domain: DOMAIN, users: ['user0', 'user1', 'user2'], toml });
    users = await oneOfEach(peer);
  });
  after(async () => {
    await peer?.close();
    receiver.closeAllConnections();
    receiver.close();
  });

  // biome-ignore lint/suspicious/noExplicitAny: tests look at any shape.
  async function ask(user: string, method: string, path: string, body?: object): Promise<any> {
    const authorization = `Basic ${btoa(`${user}@${DOMAIN}:${peer.password}`)}`;
    const headers = { authorization, ...(body && { 'content-type': 'application/json' }) };
    const asked = request({ host: peer.host, port: peer.port(80), method, path: `/api/v1${path}`, headers });
    const [got] = await once(asked.end(body && JSON.stringify(body)), 'response');
    let said = '';
    for await (const chunk of got.setEncoding('utf8')) said += String(chunk);
    assert.ok(got.statusCode < 300, `${user} ${method} ${path}: ${got.statusCode} ${said}`);
    return said === '' ? undefined : JSON.parse(said);
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look at any shape.
  async function until(user: string, path: string, good: (json: any) => boolean): Promise<void> {
    for (let tries = 1; ; tries++) {
      const json = await ask(user, 'GET', path).catch((error: Error) => error.message);
      if (typeof json === 'object' && good(json)) return;
      assert.ok(tries < 600, JSON.stringify(json));
      await pause(100);
    }
  }

  const send = (user: string, more: object = {}) =>
    ask(user, 'POST', '/send', { to: [`${user}@${DOMAIN}`], subject: 'to myself', text: 'x', ...more });
  const delivered = (user: string, id: string) =>
    until(user, `/submissions/${id}`, ({ status }) => status === 'delivered');

  test('the sound shard works, and the damaged one goes on when it is whole again', { timeout: 180_000 }, async (t) => {
    const [ill, sound] = users as [string, string];
    const { port } = receiver.address() as AddressInfo;
    for (const user of users) {
      await ask(user, 'POST', '/webhooks', { url: `http://127.0.0.1:${port}/${user}`, events: ['message.added'] });
    }
    const waiting = await send(ill, { sendAt: new Date(Date.now() + LATER_MS).toISOString() });
    await peer.stop();
    const path = join(peer.data, `shard-${shardOf(peer, ill)}.sqlite`);
    const page = (await readFile(path)).subarray(0, 200);
    await overwrite(path, Buffer.alloc(page.length, 0xa5));
    await peer.start();

    await assert.rejects(ask(ill, 'GET', '/mailboxes'), /50[03]/);
    const told = hooked.get(sound) === undefined ? once(hooks, sound) : undefined;
    const { id } = await send(sound);
    await delivered(sound, id);
    await told;
    const job = await ask(sound, 'POST', '/exports', {});
    await until(sound, `/jobs/${job.id}`, ({ state }) => state === 'done');
    const named = peer.log().match(/a shard can not be read: its accounts wait/g);
    t.diagnostic(`${named?.length} lines name the damaged shard as missing`);
    assert.ok((named?.length ?? 0) >= 1);

    await overwrite(path, page);
    await delivered(ill, waiting.id);
    if (hooked.get(ill) === undefined) await once(hooks, ill, { signal: AbortSignal.timeout(60_000) });
    const later = await ask(ill, 'POST', '/exports', {});
    await until(ill, `/jobs/${later.id}`, ({ state }) => state === 'done');
  });
});

/** An account's shard is drawn at random: more accounts are made until somebody lives in each. The first users of each shard. */
async function oneOfEach(peer: TestPeer): Promise<string[]> {
  for (let n = 3; ; n++) {
    const first = new Map<number, string>();
    for (const [user, shard] of places(peer)) if (!first.has(shard)) first.set(shard, user);
    if (first.size === SHARDS) return [...first.values()];
    assert.ok(n < 40, 'accounts are spread over the shards');
    const added = ['account', 'add', `user${n}@${DOMAIN}`, '--password-stdin'];
    const { code, stderr } = await peer.cli(added, `${peer.password}\n`);
    assert.equal(code, 0, stderr);
  }
}

const shardOf = (peer: TestPeer, user: string): number => places(peer).find(([name]) => name === user)![1];

function places(peer: TestPeer): [string, number][] {
  const directory = new DatabaseSync(directoryFile(peer.data), { readOnly: true });
  try {
    const rows = directory.prepare('SELECT address, shard FROM account ORDER BY address').all();
    return rows.map(({ address, shard }) => [String(address).split('@')[0]!, Number(shard)]);
  } finally {
    directory.close();
  }
}

async function overwrite(path: string, octets: Uint8Array): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(octets, 0, octets.length, 0);
  } finally {
    await file.close();
  }
}
