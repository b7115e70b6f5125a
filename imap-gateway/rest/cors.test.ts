import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restWorld } from '#test/support/rest.ts';

const origin = 'https://app.example.org';

test('no other origin is let in unless configured', async () => {
  const world = await restWorld();
  const asked = await world.ask(world.alice, 'GET', '/account', { headers: { origin } });
  assert.equal(asked.headers['access-control-allow-origin'], undefined);
  assert.equal((await world.ask(undefined, 'OPTIONS', '/account', { headers: { origin } })).status, 404);
  await world.close();
});

test('a configured origin may ask with tokens, never with cookies', async () => {
  const world = await restWorld({ config: `[rest]\ncors-origins = ["${origin}"]` });
  const preflight = await world.ask(undefined, 'OPTIONS', '/account', {
    headers: { origin, 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'authorization' },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-origin'], origin);
  assert.match(String(preflight.headers['access-control-allow-headers']), /Authorization/);
  const asked = await world.ask(world.alice, 'GET', '/account', { headers: { origin } });
  assert.equal(asked.headers['access-control-allow-origin'], origin);
  assert.equal(asked.headers['access-control-allow-credentials'], undefined);
  assert.match(String(asked.headers.vary), /Origin/);
  // A refusal must be readable too.
  const refused = await world.ask(undefined, 'GET', '/account', { headers: { origin } });
  assert.deepEqual([refused.status, refused.headers['access-control-allow-origin']], [401, origin]);
  const authorization = `Basic ${btoa(`${world.alice.address}:${world.alice.password}`)}`;
  const headers = { origin, authorization, 'sec-fetch-site': 'cross-site' };
  assert.equal((await world.ask(undefined, 'POST', '/mailboxes', { headers, body: { name: 'New' } })).status, 201);
  const other = await world.ask(undefined, 'OPTIONS', '/account', { headers: { origin: 'https://evil.example' } });
  assert.deepEqual([other.status, other.headers['access-control-allow-origin']], [403, undefined]);
  await world.close();
});
