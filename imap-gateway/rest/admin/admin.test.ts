import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld({ config: '[listeners]\nsmtp = "192.0.2.1:25"' });
});
after(() => world.close());

const admin = (method: string, path: string, body?: object, query?: Record<string, string>) =>
  world.ask(world.admin, method, `/admin${path}`, { ...(body && { body }), ...(query && { query }) });
const idOf = async (address: string): Promise<string> => {
  const { json } = await admin('GET', '/accounts', undefined, { q: address });
  return json.items[0].id;
};

test('nobody but an admin gets in, and who may only read changes nothing', async () => {
  for (const path of ['/domains', '/accounts', '/aliases', '/tokens', '/queue', '/sessions', '/audit', '/status']) {
    assert.equal((await world.ask(world.alice, 'GET', `/admin${path}`)).status, 403, path);
    assert.equal((await world.ask(undefined, 'GET', `/admin${path}`)).status, 401, path);
  }
  const reader = await world.token({ scopes: ['admin:read'] });
  assert.equal((await world.ask(reader, 'GET', '/admin/domains')).status, 200);
  assert.equal((await world.ask(reader, 'POST', '/admin/domains', { body: { domain: 'x.test' } })).status, 403);
});

test('domains and aliases come and go, with their records', async () => {
  assert.equal((await admin('POST', '/domains', { domain: 'new.test' })).status, 201);
  const dns = await admin('GET', '/domains/new.test/dns');
  assert.equal(dns.status, 200);
  assert.ok(dns.json.items.some((record: { type: string }) => record.type === 'MX'));
  assert.equal((await admin('GET', '/domains/other.test/dns')).status, 404);
  assert.equal((await admin('POST', '/aliases', { address: '@new.test', targets: ['alice@alpha.test'] })).status, 201);
  assert.equal((await admin('POST', '/aliases', { address: '@new.test', targets: ['bob@alpha.test'] })).status, 409);
  assert.equal((await admin('DELETE', '/domains/new.test')).status, 409);
  assert.equal((await admin('DELETE', '/aliases/%40new.test')).status, 204);
  assert.equal((await admin('DELETE', '/aliases/%40new.test')).status, 404);
  assert.equal((await admin('DELETE', '/domains/new.test')).status, 204);
});

test('a domain stands for another, and for itself again', async () => {
  const added = await admin('POST', '/domains', { domain: 'other.test', aliasOf: 'Alpha.test' });
  assert.equal(added.status, 201, added.text);
  const { createdAt, ...shown } = (await admin('GET', '/domains/OTHER.test')).json;
  assert.deepEqual([shown, typeof createdAt], [{ domain: 'other.test', aliasOf: 'alpha.test' }, 'string']);
  assert.match((await admin('GET', '/domains/other.test/dns')).text, /mail for it is that of alpha\.test/);
  assert.doesNotMatch((await admin('GET', '/domains/alpha.test/dns')).text, /mail for it is that/);
  const listed = (await admin('GET', '/domains')).json.items as { domain: string; aliasOf?: string }[];
  assert.equal(listed.find(({ domain }) => domain === 'other.test')?.aliasOf, 'alpha.test');
  const change = (domain: string, aliasOf: string | null) => admin('PATCH', `/domains/${domain}`, { aliasOf });
  assert.equal((await change('alpha.test', 'alpha.test')).status, 400);
  assert.equal((await change('other.test', 'nowhere.test')).status, 400);
  assert.equal((await admin('DELETE', '/domains/alpha.test')).status, 409);
  assert.equal((await change('nowhere.test', null)).status, 404);
  const off = await change('other.test', null);
  assert.deepEqual([off.status, off.json.aliasOf], [200, undefined]);
  assert.equal((await admin('DELETE', '/domains/other.test')).status, 204);
});

test('a domain gets another name, and the old one stays an alias', async () => {
  await admin('POST', '/domains', { domain: 'before.test' });
  await admin('POST', '/aliases', { address: 'team@before.test', targets: ['alice@alpha.test'] });
  const done = await admin('POST', '/domains/before.test/rename', { to: 'after.test', alias: true });
  assert.deepEqual([done.status, done.json.domain], [200, 'after.test'], done.text);
  const resolved = await admin('GET', '/addresses/team%40before.test');
  assert.deepEqual(resolved.json.accounts, ['alice@alpha.test']);
  assert.equal((await admin('POST', '/domains/nowhere.test/rename', { to: 'x.test' })).status, 404);
  assert.equal((await admin('DELETE', '/aliases/team%40after.test')).status, 204);
  for (const domain of ['before', 'after'])
    assert.equal((await admin('DELETE', `/domains/${domain}.test`)).status, 204, domain);
});

test('accounts are made, listed in pages, changed, renamed and removed', async () => {
  const made = await admin('POST', '/accounts', { address: 'carol@alpha.test', password: 'a long password' });
  assert.equal(made.status, 201);
  const first = await admin('GET', '/accounts', undefined, { limit: '2' });
  const second = await admin('GET', '/accounts', undefined, { limit: '2', cursor: first.json.next });
  const addresses = [...first.json.items, ...second.json.items].map(({ address }: { address: string }) => address);
  assert.deepEqual(addresses, ['admin@alpha.test', 'alice@alpha.test', 'bob@alpha.test', 'carol@alpha.test']);
  assert.equal(second.json.next, undefined);
  const { id } = made.json;
  const changed = await admin('PATCH', `/accounts/${id}`, {
    quota: 1_000_000,
    suspended: true,
    forward: { targets: ['bob@alpha.test'], keep: true },
    address: 'caroline@alpha.test',
    alias: true,
  });
  assert.equal(changed.status, 200, changed.text);
  assert.equal(changed.json.address, 'caroline@alpha.test');
  assert.equal(changed.json.suspended, true);
  assert.equal(changed.json.quota.limit, 1_000_000);
  assert.deepEqual(changed.json.aliases, ['carol@alpha.test']);
  const back = await admin('PATCH', `/accounts/${id}`, { quota: null, suspended: false, forward: null });
  assert.deepEqual([back.json.quota.limit, back.json.suspended, back.json.forward], [null, undefined, undefined]);
  assert.equal((await admin('PUT', `/accounts/${id}/password`, { password: 'another password' })).status, 204);
  assert.equal((await admin('DELETE', `/accounts/${id}`)).status, 204);
  assert.equal((await admin('GET', `/accounts/${id}`)).status, 404);
});

test('an account that did not change is not sent again', async () => {
  const path = `/accounts/${await idOf('alice@alpha.test')}`;
  const shown = await admin('GET', path);
  const tag = String(shown.headers.etag);
  const again = () => world.ask(world.admin, 'GET', `/admin${path}`, { headers: { 'if-none-match': tag } });
  assert.equal((await again()).status, 304);
  await admin('PATCH', path, { admin: true });
  assert.equal((await again()).status, 200);
  await admin('PATCH', path, { admin: false });
});

test('app passwords and tokens are shown once', async () => {
  const path = `/accounts/${await idOf('bob@alpha.test')}/app-passwords`;
  const made = await admin('POST', path, { name: 'phone', scopes: ['imap'] });
  assert.match(made.json.password, /^[a-z]{4}(.[a-z]{4}){3}$/);
  const listed = await admin('GET', path);
  assert.deepEqual(
    listed.json.items.map(({ name, password }: { name: string; password?: string }) => [name, password]),
    [['phone', undefined]],
  );
  assert.equal((await admin('DELETE', `${path}/${made.json.id}`)).status, 204);
  assert.equal((await admin('DELETE', `${path}/${made.json.id}`)).status, 404);
  const token = await admin('POST', '/tokens', { name: 'monitor', scopes: ['admin:read'] });
  assert.equal((await world.ask(token.json.token, 'GET', '/admin/domains')).status, 200);
  assert.equal((await admin('DELETE', `/tokens/${token.json.id}`)).status, 204);
  assert.equal((await world.ask(token.json.token, 'GET', '/admin/domains')).status, 401);
});

test('the queue is listed in pages, filtered, and acted on by ids, by a filter, and all at once', async () => {
  const address = (localPart: string, domain: string) => ({ localPart, domain });
  for (const n of [1, 2, 3]) {
    await world.queue.enqueue({
      id: `q${n}`,
      deliveryId: `d${n}`,
      reversePath: address('alice', 'alpha.test'),
      bodyType: '7bit',
      smtputf8: false,
      arrivedAt: n,
      expiresAt: 1e12,
      recipients: [{ address: address('x', n === 3 ? 'c.test' : 'b.test') }],
      content: { data: Buffer.from('Subject: x\r\n\r\n') },
    });
  }
  const first = await admin('GET', '/queue', undefined, { limit: '2' });
  const second = await admin('GET', '/queue', undefined, { limit: '2', cursor: first.json.next });
  const ids = [...first.json.items, ...second.json.items].map(({ id }: { id: string }) => id);
  assert.deepEqual(ids, ['q1', 'q2', 'q3']);
  assert.equal((await admin('GET', '/queue/q1')).json.recipients[0].address, 'x@b.test');
  assert.deepEqual((await admin('POST', '/queue/acts', { act: 'hold', filter: { domain: 'b.test' } })).json.items, [
    'q1',
    'q2',
  ]);
  assert.equal((await admin('GET', '/queue', undefined, { state: 'held' })).json.items.length, 2);
  assert.equal((await admin('POST', '/queue/acts', { act: 'drop' })).status, 400);
  assert.equal((await admin('POST', '/queue/acts', { act: 'drop', ids: ['q1'], all: true })).status, 400);
  assert.equal((await admin('POST', '/queue/acts', { act: 'drop', ids: ['none'] })).status, 404);
  assert.equal((await admin('POST', '/queue/acts', { act: 'drop', all: true })).json.items.length, 3);
});

test('sessions are listed and ended', async () => {
  const ended: string[] = [];
  await world.services.coordination.session(
    { id: 's1', program: 'imap-gateway', protocol: 'imap', remote: '192.0.2.1', since: 0, login: 'bob@alpha.test' },
    () => ended.push('s1'),
  );
  const listed = await admin('GET', '/sessions', undefined, { login: 'bob@alpha.test' });
  assert.equal(listed.json.items[0].id, 's1');
  const done = await admin('POST', '/sessions/disconnect', { filter: { login: 'bob@alpha.test' } });
  assert.deepEqual(done.json.items, ['s1']);
  assert.deepEqual(ended, ['s1']);
});

test('all of it stands in the audit log, newest first, in pages', async () => {
  const first = await admin('GET', '/audit', undefined, { limit: '3' });
  assert.equal(first.json.items[0].act, 'disconnect');
  assert.equal(first.json.items[0].actor, 'admin@alpha.test');
  const second = await admin('GET', '/audit', undefined, { limit: '3', cursor: first.json.next });
  assert.ok(second.json.items[0].id !== first.json.items[2].id);
  const carol = await admin('GET', '/audit', undefined, { target: 'carol@alpha.test' });
  assert.ok(
    carol.json.items.some(({ act }: { act: string }) => act === 'add-account'),
    carol.text,
  );
});

test('the state of the peer, or a word that there is none', async () => {
  assert.equal((await admin('GET', '/status')).status, 503);
  const restarted: unknown[] = [];
  const alone = await restWorld({
    services: (services) => ({
      ...services,
      peer: {
        supervisor: {
          status: async () => ({
            version: '1',
            programs: [
              { name: 'mta', pid: 1, since: '2026-01-01T00:00:00Z', state: 'ready', connections: 0, serves: [] },
            ],
            supervisor: { pid: 2, since: '2026-01-01T00:00:00Z' },
            sessions: { imap: 3 },
            listeners: [],
            disk: { free: 1, total: 2 },
            troubles: [],
          }),
          restart: async (program) => {
            restarted.push(program);
            return [{ name: 'mta', pid: 3, replaced: 1 }];
          },
        },
        usage: () => [{ shard: 0, error: 'broken' }],
        figures: async () => 'peerpost_up 1\n',
      },
    }),
  });
  try {
    const status = await alone.ask(alone.admin, 'GET', '/admin/status');
    assert.deepEqual(
      [status.json.sessions, status.json.queue, status.json.store.shards],
      [{ imap: 3 }, { messages: 0, recipients: 0, oldest: null }, [{ shard: 0, error: 'broken' }]],
    );
    assert.equal((await alone.ask(alone.admin, 'GET', '/admin/metrics')).text, 'peerpost_up 1\n');
    const done = await alone.ask(alone.admin, 'POST', '/admin/restart', { body: { program: 'mta' } });
    assert.deepEqual(done.json, { restarted: [{ name: 'mta', pid: 3, replaced: 1 }] });
    assert.deepEqual(restarted, ['mta']);
  } finally {
    await alone.close();
  }
});

test('an account is named by its address as well as by its id', async () => {
  const { admin, alice } = world;
  const byId = await world.ask(admin, 'GET', `/admin/accounts/${alice.id}`);
  for (const name of ['alice@alpha.test', 'ALICE%40alpha.test']) {
    const byAddress = await world.ask(admin, 'GET', `/admin/accounts/${name}`);
    assert.deepEqual(byAddress.json, byId.json, name);
  }
  const renamed = await world.ask(admin, 'PATCH', '/admin/accounts/alice@alpha.test', {
    body: { address: 'alicia@alpha.test' },
  });
  assert.deepEqual([renamed.status, renamed.json.address, renamed.json.id], [200, 'alicia@alpha.test', alice.id]);
  const none = await world.ask(admin, 'GET', '/admin/accounts/alice@alpha.test');
  assert.deepEqual([none.status, none.json.detail], [404, 'There is no account alice@alpha.test']);
  await world.ask(admin, 'PATCH', `/admin/accounts/${alice.id}`, { body: { address: 'alice@alpha.test' } });
});
