import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

const OFF = { enabled: false, text: '', days: 7 };

test('an account sets its answer, sees it and takes it away', async () => {
  const { alice, bob } = world;
  assert.deepEqual((await world.ask(alice, 'GET', '/account/autoreply')).json, OFF);
  const body = { text: 'Away.', from: '2030-01-01T00:00:00Z', until: '2030-02-01T01:00:00+01:00', days: 3 };
  const set = await world.ask(alice, 'PUT', '/account/autoreply', { body });
  assert.equal(set.status, 200, set.text);
  const shown = { ...body, enabled: true, from: '2030-01-01T00:00:00.000Z', until: '2030-02-01T00:00:00.000Z' };
  assert.deepEqual(set.json, shown);
  assert.deepEqual((await world.ask(alice, 'GET', '/account/autoreply')).json, shown);
  assert.deepEqual((await world.ask(bob, 'GET', '/account/autoreply')).json, OFF);
  assert.equal((await world.ask(alice, 'DELETE', '/account/autoreply')).status, 204);
  assert.deepEqual((await world.ask(alice, 'GET', '/account/autoreply')).json, OFF);
});

test('an admin does the same for any account, by its id or address', async () => {
  const { alice, admin } = world;
  const url = `/admin/accounts/${alice.id}/autoreply`;
  const body = { enabled: false, subject: 'Away', text: 'Away.', html: '<p>Away.</p>' };
  const set = await world.ask(admin, 'PUT', url, { body });
  assert.deepEqual([set.status, set.json], [200, { ...body, days: 7 }]);
  assert.deepEqual((await world.ask(admin, 'GET', `/admin/accounts/${alice.address}/autoreply`)).json, set.json);
  const { items } = (await world.ask(admin, 'GET', '/admin/audit')).json;
  assert.deepEqual(
    [items[0].act, items[0].target, items[0].detail],
    ['set-autoreply', alice.address, { enabled: false }],
  );
  assert.equal((await world.ask(admin, 'DELETE', url)).status, 204);
  assert.equal((await world.ask(admin, 'GET', '/admin/accounts/nobody/autoreply')).status, 404);
});

test('what can’t be an answer is refused; a token that may not send sets none', async () => {
  const { alice } = world;
  const wrong: readonly object[] = [
    {},
    { text: '' },
    { text: 'x', days: 0 },
    { text: 'x', days: 91 },
    { text: 'x', subject: 'a\r\nBcc: b@c.test' },
    { text: 'x'.repeat(70_000) },
    { text: 'ö'.repeat(40_000) },
    { text: 'x', from: '2030-01-02T00:00:00Z', until: '2030-01-01T00:00:00Z' },
    { text: 'x', until: 'tomorrow' },
    { text: 'x', days: 7, to: 'a@b.test' },
  ];
  for (const body of wrong) {
    const { status } = await world.ask(alice, 'PUT', '/account/autoreply', { body });
    assert.equal(status, 400, JSON.stringify(body).slice(0, 80));
  }
  const token = await world.token({ account: alice.id, scopes: ['account'] });
  assert.equal((await world.ask(token, 'PUT', '/account/autoreply', { body: { text: 'x' } })).status, 403);
  assert.equal((await world.ask(token, 'GET', '/account/autoreply')).status, 200);
});
