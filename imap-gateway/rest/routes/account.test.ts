import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

test('who has moved away is told so', async () => {
  const { alice, admin } = world;
  const moved = { to: 'alice@far.test', how: 'reject' };
  const set = await world.ask(admin, 'PATCH', `/admin/accounts/${alice.id}`, { body: { moved } });
  assert.equal(set.status, 200, set.text);
  assert.deepEqual((await world.ask(alice, 'GET', '/account')).json.moved, moved);
  await world.ask(admin, 'PATCH', `/admin/accounts/${alice.id}`, { body: { moved: null } });
  assert.equal((await world.ask(alice, 'GET', '/account')).json.moved, undefined);
});
