import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { temporaryFolder } from '#test/support/folder.ts';
import { type RestUser, type RestWorld, restWorld } from '#test/support/rest.ts';
import { JobBook } from '#transfer/jobs/book.ts';
import { JobFiles } from '#transfer/jobs/files.ts';
import { JobRunner } from '#transfer/jobs/runner.ts';
import { guardedLookup } from '../webhooks/destination.ts';

let world: RestWorld;
let runner: JobRunner;
const suspended: string[] = [];

before(async (t) => {
  const folder = temporaryFolder(t as never);
  world = await restWorld({
    services: (services) => {
      const { clock, store, directory, coordination, random, log, config } = services;
      const files = new JobFiles({ folder, clock, hasRoom: async () => true });
      runner = new JobRunner({
        store,
        directory,
        coordination,
        clock,
        random,
        log,
        files,
        shards: 1,
        messageSize: () => config.limits.messageSize,
        lookup: () => guardedLookup(config.rest.webhookNetworks),
        suspend: async (address) => suspended.push(address),
      });
      const book = new JobBook({ store, directory, coordination, clock, random });
      return { ...services, jobs: { book, files, begin: () => runner.begin() } };
    },
  });
});
after(async () => {
  await runner.stop();
  await world.close();
});

async function ended(who: RestUser, path: string, id: string) {
  for (let tries = 0; tries < 400; tries++) {
    const { json } = await world.ask(who, 'GET', `${path}/${id}`);
    if (['done', 'failed', 'cancelled'].includes(json.state)) return json;
    await pause(25);
    await world.clock.advance(2_000);
  }
  throw new Error(`job ${id} never ends`);
}

async function letter(to: RestUser, subject: string): Promise<void> {
  const body = `Subject: ${subject}\r\n\r\nHello\r\n`;
  assert.equal((await world.ask(to, 'POST', '/messages', { body, type: 'message/rfc822' })).status, 201);
}

test('an account leaves as a file and comes back as another account', async () => {
  for (const n of [1, 2, 3]) await letter(world.alice, `letter ${n}`);
  const started = await world.ask(world.alice, 'POST', '/exports', { body: {} });
  assert.deepEqual([started.status, started.json.state, started.json.kind], [202, 'waiting', 'export']);
  const { id } = started.json;
  const done = await ended(world.alice, '/jobs', id);
  assert.deepEqual([done.state, done.progress.messages, done.progress.failed], ['done', 3, 0]);
  const file = await world.ask(world.alice, 'GET', `/jobs/${id}/archive`);
  assert.deepEqual([file.status, file.bytes.length], [200, done.archive.octets]);
  const part = await world.ask(world.alice, 'GET', `/jobs/${id}/archive`, { headers: { range: 'bytes=4-9' } });
  assert.deepEqual([part.status, part.bytes], [206, file.bytes.subarray(4, 10)]);
  for (const path of [`/jobs/${id}`, `/jobs/${id}/archive`]) {
    assert.equal((await world.ask(world.bob, 'GET', path)).status, 404);
  }
  assert.equal((await world.ask(world.bob, 'DELETE', `/jobs/${id}`)).status, 404);

  const send = (bytes: Uint8Array) =>
    world.ask(world.admin, 'POST', '/admin/archives', { body: bytes, type: 'application/zstd' });
  const accounts = (await world.directory.accounts()).length;
  assert.equal((await send(file.bytes.subarray(0, -20))).status, 400);
  const sent = await send(file.bytes);
  assert.deepEqual(
    [sent.status, sent.json.address, sent.json.messages, sent.json.password],
    [201, 'alice@alpha.test', 3, false],
  );
  const restore = (body: object) => world.ask(world.admin, 'POST', '/admin/restores', { body });
  const archive = sent.json.id;
  assert.equal((await restore({ archive: 'none' })).status, 400);
  assert.equal((await restore({ archive, password: 'long enough' })).status, 409);
  const without = await restore({ archive, address: 'back@alpha.test' });
  assert.deepEqual([without.status, /no password/.test(without.json.detail)], [400, true]);
  assert.equal((await world.directory.accounts()).length, accounts, 'what is refused makes nothing');
  const back = await restore({ archive, address: 'back@alpha.test', password: 'long enough' });
  assert.deepEqual([back.status, back.json.account.address], [202, 'back@alpha.test']);
  assert.equal((await ended(world.admin, '/admin/jobs', back.json.id)).state, 'done');
  assert.ok(await world.directory.authenticate('back@alpha.test', 'long enough'));
  const found = await world.directory.accounts();
  const { id: owner } = found.find(({ address }) => address === 'back@alpha.test')!;
  assert.equal((await world.store.accountState({ owner, viewer: owner })).usedMessages, 3);

  const kinds = (await world.ask(world.admin, 'GET', '/admin/jobs')).json.items.map(
    (job: { kind: string }) => job.kind,
  );
  assert.deepEqual(kinds.sort(), ['export', 'restore']);
  const query = { kind: 'export', state: 'done', account: 'alice@alpha.test' };
  const filtered = await world.ask(world.admin, 'GET', '/admin/jobs', { query });
  assert.deepEqual(filtered.json.items, [done]);
  const first = await world.ask(world.admin, 'GET', '/admin/jobs', { query: { limit: '1' } });
  const second = await world.ask(world.admin, 'GET', '/admin/jobs', { query: { limit: '1', cursor: first.json.next } });
  assert.deepEqual([first.json.items.length, second.json.items.length, second.json.next], [1, 1, undefined]);
  assert.notEqual(first.json.items[0].id, second.json.items[0].id);
  assert.equal((await world.ask(world.alice, 'DELETE', `/jobs/${id}`)).json.archive, undefined);
  assert.equal((await world.ask(world.alice, 'GET', `/jobs/${id}/archive`)).status, 404);
  const acts = (await world.directory.audit({ limit: 10 })).map(({ act, actor }) => `${actor} ${act}`);
  assert.ok(acts.includes('alice@alpha.test export-account'), acts.join());
  assert.ok(acts.includes('admin@alpha.test restore-account'), acts.join());
});

test('what checks the password goes into a file for who knows the password, and out of it to who has the scope', async () => {
  const ask = (body: object) => world.ask(world.bob, 'POST', '/exports', { body });
  assert.equal((await ask({ withPassword: true })).status, 400);
  assert.equal((await ask({ withPassword: true, current: 'wrong' })).status, 401);
  const reader = await world.token({ account: world.bob.id, scopes: ['mail:read'] });
  const body = { withPassword: true, current: world.bob.password };
  assert.equal((await world.ask(reader, 'POST', '/exports', { body })).status, 403);
  const { id } = (await ask(body)).json;
  await ended(world.bob, '/jobs', id);
  assert.equal((await world.ask(reader, 'GET', `/jobs/${id}/archive`)).status, 403);
  assert.equal((await world.ask(world.bob, 'GET', `/jobs/${id}/archive`)).status, 200);
});

test('a user leads this peer to no host around it, and no password stays or is shown', async () => {
  const start = (path: string, who: RestUser, host: string) => {
    const from = { host, port: 9, secure: true, user: 'x' };
    return world.ask(who, 'POST', path, { body: { from, password: 'hush-hush' } });
  };
  for (const host of [
    '127.0.0.1',
    'localhost',
    '::1',
    '10.1.2.3',
    '::ffff:127.0.0.1',
    '169.254.169.254',
    '0x7f000001',
  ]) {
    const { status, json } = await start('/imports', world.alice, host);
    assert.ok(status === 403 || (status === 202 && host.startsWith('0x')), `${host}: ${status} ${json.detail}`);
    if (status === 202) await world.ask(world.alice, 'DELETE', `/jobs/${json.id}`);
  }
  const { status, json } = await start(`/admin/accounts/${world.alice.id}/imports`, world.admin, '127.0.0.1');
  assert.equal(status, 202);
  const cancelled = await world.ask(world.admin, 'DELETE', `/admin/jobs/${json.id}`);
  assert.equal(cancelled.status, 200);
  assert.match((await ended(world.admin, '/admin/jobs', json.id)).state, /cancelled|failed/);
  assert.deepEqual(
    (await world.store.outbox(world.alice.id)).filter(({ payload }) => Buffer.from(payload).includes('hush-hush')),
    [],
  );
  const shown = (await world.ask(world.admin, 'GET', '/admin/jobs')).text;
  assert.ok(!shown.includes('hush-hush') && !JSON.stringify(world.log).includes('hush-hush'));
});

test('a move wants the password, another address, and a peer that everybody can reach', async () => {
  const move = { to: 'https://mail.beta.test', as: 'alice@beta.test', token: 'x', current: world.alice.password };
  const ask = (change: object) => world.ask(world.alice, 'POST', '/moves', { body: { ...move, ...change } });
  assert.equal((await ask({ current: 'wrong' })).status, 401);
  assert.equal((await ask({ as: 'ALICE@alpha.test' })).status, 400);
  assert.equal((await ask({ to: 'http://mail.beta.test' })).status, 403);
  assert.equal((await ask({ to: 'https://127.0.0.1' })).status, 403);
  const admin = (body: object) => world.ask(world.admin, 'POST', `/admin/accounts/${world.alice.id}/moves`, { body });
  const { current: _, ...wanted } = move;
  assert.equal((await admin({ ...wanted, to: 'http://mail.beta.test' })).status, 400);
  const { status, json } = await admin({ ...wanted, to: 'http://127.0.0.1:9' });
  assert.equal(status, 202);
  assert.equal((await admin(wanted)).status, 409, 'one at a time');
  await world.ask(world.admin, 'DELETE', `/admin/jobs/${json.id}`);
  assert.equal((await ended(world.admin, '/admin/jobs', json.id)).state, 'cancelled');
  assert.deepEqual(suspended, []);
});
