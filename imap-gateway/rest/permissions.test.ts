/** Every route that is declared, now and later: what each kind of credentials may not do, and what every answer tells a browser. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TokenScope } from '#store/directory.ts';
import { type RestAnswer, type RestWorld, restWorld } from '#test/support/rest.ts';
import { scopeSet } from './callers.ts';
import type { Route } from './route.ts';
import { allRoutes } from './routes.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

const SCOPES: readonly TokenScope[] = ['mail:read', 'mail:write', 'send', 'account', 'admin:read', 'admin'];
const SAFE = new Set(['GET', 'HEAD']);
const closed = allRoutes.filter(({ scope }) => scope !== 'none');

type Headers = Readonly<Record<string, string>>;

/** A stream of events has no end to wait for: its head says as much. */
function ask(who: string | undefined, route: Route, headers: Headers = {}): Promise<RestAnswer> {
  const path = route.path.replace(/\{\w+\}/g, '1');
  const method = route.produces?.includes('text/event-stream') ? 'HEAD' : route.method;
  const below = path.startsWith('/api/v1/') ? path.slice('/api/v1'.length) : `/${path}`;
  return world.ask(who, method, below, SAFE.has(method) ? { headers } : { headers, body: {} });
}

async function signIn(user: 'alice' | 'admin'): Promise<{ cookie: string; csrf: string }> {
  const { address, password } = world[user];
  const answer = await world.ask(undefined, 'POST', '/session', { body: { address, password } });
  assert.equal(answer.status, 201, answer.text);
  return { cookie: String(answer.headers['set-cookie']).split(';', 1).join(), csrf: answer.json.csrf };
}

test('a token of one scope does nothing that needs another', async () => {
  for (const scope of SCOPES) {
    const token = await world.token({ account: world.admin.id, scopes: [scope] });
    const may = scopeSet([scope]);
    for (const route of closed) {
      if (route.scope === 'any' || may.has(route.scope as TokenScope)) continue;
      const { status, text } = await ask(token, route);
      assert.equal(status, 403, `${scope}: ${route.method} ${route.path}: ${status} ${text}`);
    }
  }
});

test('scopes of an admin are worth nothing to who is none', async () => {
  const token = await world.token({ account: world.alice.id, scopes: ['admin', 'admin:read'] });
  for (const route of closed.filter(({ scope }) => scope !== 'any')) {
    assert.equal((await ask(token, route)).status, 403, `${route.method} ${route.path}`);
  }
});

test('a token of the peer itself has nobody’s mail', async () => {
  const token = await world.token({ scopes: SCOPES });
  for (const route of closed.filter(({ scope }) => scope !== 'any' && !scope.startsWith('admin'))) {
    const { status } = await ask(token, route);
    assert.ok([400, 403, 415].includes(status), `${route.method} ${route.path}: ${status}`);
  }
});

test('with a cookie nothing changes without the CSRF token of that very session', async () => {
  const [{ cookie }, other] = [await signIn('admin'), await signIn('admin')];
  const routes = closed.filter(({ method }) => !SAFE.has(method));
  assert.ok(routes.length > 30);
  for (const route of routes) {
    for (const headers of [
      { cookie },
      { cookie, 'x-csrf-token': '' },
      { cookie, 'x-csrf-token': other.csrf },
      { cookie, 'x-csrf-token': 'undefined', 'x-http-method-override': 'GET' },
      { cookie, 'content-type': 'text/plain', origin: 'https://evil.test' },
    ] as Headers[]) {
      const { status, text } = await ask(undefined, route, headers);
      assert.equal(status, 403, `${route.method} ${route.path} ${JSON.stringify(headers)}: ${text}`);
    }
  }
  assert.equal((await world.ask(undefined, 'GET', '/session', { headers: { cookie } })).status, 200);
});

test('no route that only reads changes anything: a cookie alone is enough for it', async () => {
  const before = (await world.directory.audit({ limit: 1 }))[0]?.id;
  const { cookie } = await signIn('admin');
  for (const route of closed.filter(({ method }) => SAFE.has(method))) await ask(undefined, route, { cookie });
  assert.equal((await world.directory.audit({ limit: 1 }))[0]?.id, before);
});

test('a session’s token is no Bearer token, and another token is no session', async () => {
  const { cookie } = await signIn('alice');
  const asBearer = await world.ask(cookie.slice(cookie.indexOf('=') + 1), 'GET', '/session');
  assert.equal(asBearer.status, 401);
  const asCookie = { cookie: `peerpost=${world.alice.token}` };
  assert.equal((await world.ask(undefined, 'GET', '/session', { headers: asCookie })).status, 401);
});

test('credentials from afar in the clear are refused, right or wrong, and cookies are not looked at', async () => {
  const { cookie } = await signIn('alice');
  const remote = '192.0.2.1';
  const basic = Buffer.from(`${world.alice.address}:${world.alice.password}`).toString('base64');
  for (const authorization of [`Basic ${basic}`, `Bearer ${world.alice.token}`, 'Bearer x']) {
    const answer = await world.ask(undefined, 'GET', '/session', { remote, headers: { authorization } });
    assert.equal(answer.status, 403, authorization);
  }
  assert.equal((await world.ask(undefined, 'GET', '/session', { remote, headers: { cookie } })).status, 401);
});

test('every answer tells browsers to make nothing of it', async () => {
  for (const route of allRoutes) {
    for (const who of [undefined, world.admin.token]) {
      const { headers, status } = await ask(who, route);
      const what = `${route.method} ${route.path}: ${status}`;
      assert.equal(headers['x-content-type-options'], 'nosniff', what);
      assert.equal(headers['referrer-policy'], 'no-referrer', what);
      assert.match(String(headers['content-security-policy']), /default-src 'none'.*frame-ancestors/, what);
      assert.doesNotMatch(String(headers['content-security-policy']), /script-src[^;]*unsafe/, what);
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin', what);
      assert.equal(headers['access-control-allow-origin'], undefined, what);
    }
  }
});

test('behind a trusted proxy the cookie is that of https, and what came to it in the clear has no secrets', async () => {
  const proxied = await restWorld({ config: '[rest]\ntrusted-proxies = ["127.0.0.1"]' });
  const { address, password } = proxied.alice;
  const signIn = (proto: string) =>
    proxied.ask(undefined, 'POST', '/session', {
      body: { address, password },
      headers: { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': proto },
    });
  const { status, headers } = await signIn('https');
  assert.equal(status, 201);
  assert.match(
    String(headers['set-cookie']),
    /^__Host-peerpost=pp_[^;]+; Path=\/; HttpOnly; SameSite=Strict; .*Secure$/,
  );
  const clear = await signIn('http');
  assert.deepEqual([clear.status, clear.headers['set-cookie']], [403, undefined]);
  await proxied.close();
});
