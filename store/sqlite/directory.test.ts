import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRpcClient } from '#runtime/rpc/client.ts';
import { serveRpc } from '#runtime/rpc/server.ts';
import { copyAsCrashed } from '#test/contract/crash.ts';
import { directoryContract } from '#test/contract/directory.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { silentLog } from '#test/support/log.ts';
import { openDatabase } from './database.ts';
import { openDirectory, openDirectoryWriter, serveDirectory } from './directory.ts';
import { DIRECTORY_MIGRATIONS, directoryFile } from './directory-rows.ts';

function folder(): { root: string; data: string } {
  const root = mkdtempSync(join(tmpdir(), 'pp-'));
  const data = join(root, 'data');
  mkdirSync(data);
  return { root, data };
}

directoryContract('sqlite writer', async ({ clock }) => {
  const { root, data } = folder();
  const directory = await openDirectoryWriter({ data, clock });
  const open = [directory];
  return {
    directory,
    async crash() {
      const again = await openDirectoryWriter({ data: copyAsCrashed(data, root), clock });
      open.push(again);
      return again;
    },
    async close() {
      await Promise.all(open.map((one) => one.close()));
      rmSync(root, { recursive: true });
    },
  };
});

directoryContract('sqlite client', async ({ clock }) => {
  const { root, data } = folder();
  const writer = await openDirectoryWriter({ data, clock });
  const path = join(root, 'directory.sock');
  const server = createServer((socket) => serveRpc(socket, serveDirectory(writer), { log: silentLog }));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const rpc = createRpcClient({ connect: path });
  const directory = openDirectory({ data, clock, rpc });
  return {
    directory,
    async close() {
      await directory.close();
      await rpc.close();
      await new Promise((resolve) => server.close(resolve));
      await writer.close();
      rmSync(root, { recursive: true });
    },
  };
});

test('one writer at a time; the next one follows when it goes', async (t) => {
  const options = { data: temporaryFolder(t), clock: { now: () => 0 } };
  const first = await openDirectoryWriter(options);
  await assert.rejects(openDirectoryWriter(options), { failure: 'unavailable', message: new RegExp(`${process.pid}`) });
  const next = openDirectoryWriter({ ...options, signal: AbortSignal.timeout(10_000) });
  await first.change({ type: 'add-domain', name: 'one.test' });
  await first.close();
  const second = await next;
  assert.equal(await second.isLocalDomain('one.test'), true);
  await second.close();
});

test('before the first writer, reads are temporary trouble; afterwards they work', async (t) => {
  const data = temporaryFolder(t);
  const clock = { now: () => 0 };
  const rpc = createRpcClient({ connect: join(data, 'nobody.sock'), deadlineMs: 50 });
  const client = openDirectory({ data, clock, rpc });
  await assert.rejects(client.isLocalDomain('one.test'), { failure: 'unavailable' });
  await assert.rejects(client.change({ type: 'add-domain', name: 'one.test' }), { failure: 'unavailable' });
  const writer = await openDirectoryWriter({ data, clock });
  await writer.change({ type: 'add-domain', name: 'one.test' });
  assert.equal(await client.isLocalDomain('one.test'), true);
  await writer.change({ type: 'remove-domain', name: 'one.test' });
  assert.equal(await client.isLocalDomain('one.test'), false, 'never stale');
  await Promise.all([client.close(), writer.close(), rpc.close()]);
});

test('a directory of the first schema keeps its accounts', async (t) => {
  const data = temporaryFolder(t);
  const clock = { now: () => 0 };
  const old = openDatabase(directoryFile(data), { migrations: DIRECTORY_MIGRATIONS.slice(0, 1) });
  old.exec(`INSERT INTO domain VALUES ('one.test', 5);
    INSERT INTO account (id, name, address, domain, shard, state, created_at)
    VALUES ('a1', 'bob@one.test', 'Bob@one.test', 'one.test', 2, 'active', 7);`);
  old.close();
  const directory = await openDirectoryWriter({ data, clock });
  const expected = { id: 'a1', address: 'Bob@one.test', shard: 2, state: 'active', createdAt: 7 };
  assert.deepEqual(await directory.accounts(), [expected]);
  await directory.change({ type: 'suspend-account', id: 'a1', suspended: true });
  assert.deepEqual(await directory.account('a1'), { ...expected, suspended: true });
  await directory.close();
});

test('a directory of the second schema keeps settings, app passwords and domains, and learns the rest', async (t) => {
  const data = temporaryFolder(t);
  const clock = { now: () => 0 };
  const old = openDatabase(directoryFile(data), { migrations: DIRECTORY_MIGRATIONS.slice(0, 2) });
  old.exec(`INSERT INTO domain VALUES ('one.test', 5), ('two.test', 6);
    INSERT INTO account (id, name, address, domain, shard, state, created_at, settings)
    VALUES ('a1', 'bob@one.test', 'Bob@one.test', 'one.test', 2, 'active', 7, '{"forward":{"targets":["x@y.test"],"keep":true}}');
    INSERT INTO app_password (id, account, name, scopes, keys, created_at) VALUES ('p1', 'a1', 'phone', '[]', '[]', 8);`);
  old.close();
  const directory = await openDirectoryWriter({ data, clock });
  const forward = { targets: ['x@y.test'], keep: true };
  const expected = { id: 'a1', address: 'Bob@one.test', shard: 2, state: 'active', createdAt: 7, forward };
  assert.deepEqual(await directory.accounts(), [expected]);
  assert.deepEqual(await directory.account('a1'), expected);
  assert.equal((await directory.appPasswords('a1'))[0]?.name, 'phone');
  assert.deepEqual(await directory.domains(), [
    { name: 'one.test', createdAt: 5 },
    { name: 'two.test', createdAt: 6 },
  ]);
  assert.deepEqual(
    [await directory.peerSenders(), await directory.dkimKeys(), await directory.logins({ limit: 1 })],
    [{ allow: [], block: [] }, [], []],
  );
  await directory.change({ type: 'set-domain-alias', name: 'two.test', aliasOf: 'one.test' });
  await directory.change({ type: 'set-autoreply', id: 'a1', autoreply: { enabled: true, text: 'Gone.' } });
  const found = await directory.lookup({ localPart: 'bob', domain: 'two.test' });
  assert.deepEqual(found.kind === 'account' && found.rules, { autoreply: { enabled: true, text: 'Gone.' } });
  await directory.close();
});
