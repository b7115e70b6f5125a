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

test('settings are exported, planned and applied; who may only read plans alone', async () => {
  const { json: now } = await admin('GET', '/settings');
  assert.deepEqual(now.domains, ['alpha.test']);
  const wanted = {
    ...now,
    domains: ['alpha.test', 'new.test'],
    aliases: [{ address: '@new.test', targets: ['alice@alpha.test'] }],
  };
  const reader = await world.token({ scopes: ['admin:read'] });
  const plan = await world.ask(reader, 'POST', '/admin/settings/plan', { body: wanted });
  assert.equal(plan.status, 200);
  assert.deepEqual(plan.json.changes, [
    { act: 'add', kind: 'domain', target: 'new.test' },
    { act: 'add', kind: 'alias', target: '@new.test', after: { targets: ['alice@alpha.test'] } },
  ]);
  assert.equal((await world.ask(reader, 'POST', '/admin/settings/apply', { body: wanted })).status, 403);
  const dry = await admin('POST', '/settings/apply', wanted, { dryRun: 'true' });
  assert.deepEqual([dry.json.dryRun, dry.json.done], [true, plan.json.changes]);
  assert.deepEqual((await admin('GET', '/settings')).json, now);
  assert.equal((await admin('POST', '/settings/apply', wanted)).json.complete, true);
  assert.deepEqual((await admin('GET', '/settings')).json, wanted);
  const { items } = (await admin('GET', '/audit', undefined, { limit: '2' })).json;
  assert.deepEqual(
    items.map((line: { act: string }) => line.act),
    ['add-alias', 'add-domain'],
  );
  const kept = await admin('POST', '/settings/apply', now);
  assert.deepEqual([kept.json.done.length, kept.json.kept.length], [0, 2]);
  await admin('POST', '/settings/apply', now, { prune: 'true' });
  assert.deepEqual((await admin('GET', '/settings')).json, now);
});

test('what can not be is 400 and says why', async () => {
  const { json: now } = await admin('GET', '/settings');
  const aliases = [{ address: 'x@other.test', targets: ['alice@alpha.test'] }];
  const refused = await admin('POST', '/settings/apply', { ...now, aliases });
  assert.equal(refused.status, 400);
  assert.match(refused.json.detail, /other\.test is not among the domains: nothing was changed/);
  const misspelt = await admin('POST', '/settings/plan', { ...now, accounts: [{ adress: 'x@alpha.test' }] });
  assert.equal(misspelt.status, 400);
});

test('a configuration is shown and checked', async () => {
  const { json: shown } = await admin('GET', '/configuration');
  assert.deepEqual((await admin('POST', '/configuration/plan', { toml: shown.toml })).json.changes, []);
  const plan = await admin('POST', '/configuration/plan', { toml: 'hostname = "mx.alpha.test"\nhostnam = 1\n' });
  assert.match(plan.json.problems[0].message, /hostname/);
});
