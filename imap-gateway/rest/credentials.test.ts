import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

const basic = (address: string, password: string) => ({ authorization: `Basic ${btoa(`${address}:${password}`)}` });

test('a token is made, shown once, used, listed and removed', async () => {
  const { alice } = world;
  const body = {
    name: 'script',
    scopes: ['mail:read'],
    expiresAt: '2030-01-02T00:00:00.000Z',
    networks: ['127.0.0.0/8'],
  };
  const made = await world.ask(alice, 'POST', '/account/tokens', { body });
  assert.equal(made.status, 201, made.text);
  const { token, id } = made.json;
  assert.match(token, /^pp_[\w-]{43}$/);
  assert.deepEqual((await world.ask(token, 'GET', '/session')).json.scopes, ['mail:read']);
  const list = await world.ask(alice, 'GET', '/account/tokens');
  const listed = list.json.items.find((item: { id: string }) => item.id === id);
  assert.deepEqual([listed.name, listed.networks, listed.expiresAt], [body.name, body.networks, body.expiresAt]);
  assert.ok(!list.text.includes(token));
  // From elsewhere, and later than it lasts.
  const proxied = await restWorld({ config: '[rest]\ntrusted-proxies = ["127.0.0.1"]' });
  const bound = await proxied.token({ account: proxied.alice.id, scopes: ['account'], networks: ['192.0.2.0/24'] });
  const forwarded = (far: string) => ({ 'x-forwarded-for': far, 'x-forwarded-proto': 'https' });
  assert.equal((await proxied.ask(bound, 'GET', '/session', { headers: forwarded('192.0.2.9') })).status, 200);
  assert.equal((await proxied.ask(bound, 'GET', '/session', { headers: forwarded('198.51.100.9') })).status, 403);
  await proxied.close();

  assert.equal((await world.ask(alice, 'DELETE', `/account/tokens/${id}`)).status, 204);
  assert.equal((await world.ask(token, 'GET', '/session')).status, 401);
  assert.equal((await world.ask(alice, 'DELETE', `/account/tokens/${id}`)).status, 404);
});

test('a token ends when it expires', async () => {
  const short = await world.token({ account: world.bob.id, scopes: ['account'], expiresAt: world.clock.now() + 1_000 });
  assert.equal((await world.ask(short, 'GET', '/session')).status, 200);
  await world.clock.advance(2_000);
  assert.equal((await world.ask(short, 'GET', '/session')).status, 401);
});

test('nobody makes a credential that may do more than the one in hand', async () => {
  const narrow = await world.token({ account: world.alice.id, scopes: ['account'] });
  for (const scopes of [['mail:read'], ['account', 'admin'], ['send']]) {
    const answer = await world.ask(narrow, 'POST', '/account/tokens', { body: { name: 'x', scopes } });
    assert.equal(answer.status, 403, scopes.join());
  }
  const app = await world.ask(narrow, 'POST', '/account/app-passwords', { body: { name: 'x' } });
  assert.equal(app.status, 403);
});

test('what a token needs is checked', async () => {
  for (const wrong of [
    { name: '', scopes: ['account'] },
    { name: 'x', scopes: [] },
    { name: 'x', scopes: ['everything'] },
    { name: 'x', scopes: ['account'], expiresAt: '2029-01-01T00:00:00Z' },
    { name: 'x', scopes: ['account'], expiresAt: 'tomorrow' },
    { name: 'x', scopes: ['account'], networks: ['here'] },
  ]) {
    const answer = await world.ask(world.alice, 'POST', '/account/tokens', { body: wrong });
    assert.equal(answer.status, 400, JSON.stringify(wrong));
  }
});

test('an app password opens mail and sending, until it is removed', async () => {
  const { bob } = world;
  const made = await world.ask(bob, 'POST', '/account/app-passwords', { body: { name: 'phone', scopes: ['rest'] } });
  assert.equal(made.status, 201, made.text);
  const headers = basic(bob.address, made.json.password);
  const session = await world.ask(undefined, 'GET', '/session', { headers });
  assert.deepEqual(session.json.scopes.sort(), ['mail:read', 'mail:write', 'send']);
  const other = await world.ask(bob, 'POST', '/account/app-passwords', { body: { name: 'imap', scopes: ['imap'] } });
  const elsewhere = basic(bob.address, other.json.password);
  assert.equal((await world.ask(undefined, 'GET', '/session', { headers: elsewhere })).status, 401);
  // Alice can't remove it.
  const path = `/account/app-passwords/${made.json.id}`;
  assert.equal((await world.ask(world.alice, 'DELETE', path)).status, 404);
  assert.equal((await world.ask(bob, 'DELETE', path)).status, 204);
  assert.equal((await world.ask(undefined, 'GET', '/session', { headers })).status, 401);
});

test('the password changes with the present one only, and ends the other sessions of pages', async () => {
  const { bob } = world;
  const signIn = async (password: string) => {
    const answer = await world.ask(undefined, 'POST', '/session', { body: { address: bob.address, password } });
    assert.equal(answer.status, 201, answer.text);
    const cookie = String(answer.headers['set-cookie']).split(';')[0] as string;
    return { cookie, 'x-csrf-token': answer.json.csrf as string };
  };
  const [here, there] = [await signIn(bob.password), await signIn(bob.password)];
  const change = (current: string) =>
    world.ask(undefined, 'PUT', '/account/password', { headers: here, body: { current, password: 'a better one' } });
  assert.equal((await change('wrong')).status, 401);
  assert.equal((await change(bob.password)).status, 204);
  const status = async (headers: Record<string, string>) =>
    (await world.ask(undefined, 'GET', '/session', { headers })).status;
  assert.equal(await status(here), 200);
  assert.equal(await status(there), 401);
  assert.equal(await status(basic(bob.address, bob.password)), 401);
  assert.equal(await status(basic(bob.address, 'a better one')), 200);
});

test('mail is forwarded, and no more', async () => {
  const { alice } = world;
  const body = { targets: ['carol@beta.test'], keep: true };
  const set = await world.ask(alice, 'PUT', '/account/forward', { body });
  assert.deepEqual([set.status, set.json], [200, body]);
  assert.deepEqual((await world.ask(alice, 'GET', '/account')).json.forward, body);
  assert.equal((await world.ask(alice, 'PUT', '/account/forward', { body: { ...body, targets: ['x'] } })).status, 400);
  assert.equal((await world.ask(alice, 'DELETE', '/account/forward')).status, 204);
  assert.equal((await world.ask(alice, 'GET', '/account')).json.forward, undefined);
});

test('who is no admin any more is none with old tokens either', async () => {
  const { admin } = world;
  const scopes = async () => (await world.ask(admin, 'GET', '/session')).json.scopes as string[];
  assert.ok((await scopes()).includes('admin'));
  await world.directory.change({ type: 'set-admin', id: admin.id, admin: false });
  assert.ok(!(await scopes()).some((scope) => scope.startsWith('admin')));
});

test('who is suspended is refused at once', async () => {
  const mallory = await world.token({ account: world.admin.id, scopes: ['account'] });
  await world.directory.change({ type: 'suspend-account', id: world.admin.id, suspended: true });
  assert.equal((await world.ask(mallory, 'GET', '/session')).status, 403);
});
