import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

test('a token tells who asks', async () => {
  const { alice } = world;
  const answer = await world.ask(alice, 'GET', '/account');
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json, {
    id: alice.id,
    address: alice.address,
    admin: false,
    secondFactor: false,
    createdAt: '2030-01-01T00:00:00.000Z',
    quota: { used: 0, limit: null, messages: 0 },
  });
  assert.match(String(answer.headers['x-request-id']), /^[0-9a-z]{10}$/);
  assert.equal(answer.headers['cache-control'], 'no-store');
});

test('without credentials, or with wrong ones, the answer is 401 as a problem', async () => {
  for (const who of [undefined, 'pp_wrong', `pp_${'A'.repeat(43)}`]) {
    const answer = await world.ask(who, 'GET', '/account');
    assert.equal(answer.status, 401);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.match(String(answer.headers['www-authenticate']), /^Bearer /);
    assert.equal(answer.json.code, 'bad-credentials');
    assert.equal(answer.json.type, 'https://mail.alpha.test/api/problems/bad-credentials');
    assert.equal(answer.json.requestId, answer.headers['x-request-id']);
  }
});

test('Basic works over loopback, and no credentials are taken in the clear', async () => {
  const { alice } = world;
  const authorization = `Basic ${btoa(`${alice.address}:${alice.password}`)}`;
  const near = await world.ask(undefined, 'GET', '/account', { headers: { authorization } });
  assert.equal(near.status, 200);
  for (const headers of [{ authorization }, { authorization: `Bearer ${alice.token}` }]) {
    const far = await world.ask(undefined, 'GET', '/account', { headers, remote: '192.0.2.7' });
    assert.equal(far.status, 403);
  }
});

test('a password that a browser sends along with the form of another site changes nothing', async () => {
  const authorization = `Basic ${btoa(`${world.alice.address}:${world.alice.password}`)}`;
  const send = async (site: string): Promise<number> => {
    const headers = { authorization, 'sec-fetch-site': site, origin: 'https://elsewhere.test' };
    return (await world.ask(undefined, 'POST', '/mailboxes', { headers, body: { name: `from ${site}` } })).status;
  };
  assert.equal(await send('cross-site'), 403);
  assert.equal(await send('same-site'), 403);
  assert.equal(await send('same-origin'), 201);
  assert.equal(await send('none'), 201);
});

test('programs that wait to be asked for a password are asked, browsers are not', async () => {
  const asked = async (headers: Record<string, string>, remote?: string): Promise<string> => {
    const answer = await world.ask(undefined, 'GET', '/account', { headers, ...(remote && { remote }) });
    return `${answer.status} ${String(answer.headers['www-authenticate'])}`;
  };
  const both = '401 Bearer realm="peerpost", Basic realm="peerpost", charset="UTF-8"';
  assert.equal(await asked({}), both);
  assert.equal(await asked({ 'sec-fetch-mode': 'cors' }), '401 Bearer realm="peerpost"');
  assert.equal(await asked({ 'user-agent': 'Mozilla/5.0 (iPhone)' }), '401 Bearer realm="peerpost"');
  assert.equal(await asked({}, '192.0.2.7'), '401 Bearer realm="peerpost"');
  assert.equal(await asked({ authorization: `Basic ${btoa('alice@alpha.test:wrong')}` }), both);
});

test('what is not there is 404, and 405 says what is', async () => {
  const none = await world.ask(world.alice, 'GET', '/nothing');
  assert.deepEqual([none.status, none.json.code], [404, 'not-found']);
  const wrong = await world.ask(world.alice, 'POST', '/account');
  assert.deepEqual([wrong.status, wrong.json.code], [405, 'method-not-allowed']);
  assert.match(String(wrong.headers.allow), /^GET, .*HEAD$/);
});

test('input is checked, and each mistake named by its place', async () => {
  const wrong = await world.ask(undefined, 'POST', '/session', { body: { address: 7, pasword: 'x' } });
  assert.equal(wrong.status, 400);
  assert.deepEqual(wrong.json.errors.map(({ path }: { path: string }) => path).sort(), [
    '/body/address',
    '/body/password',
    '/body/pasword',
  ]);
  const query = await world.ask(world.alice, 'GET', '/account', { query: { verbose: '1' } });
  assert.deepEqual(query.json.errors, [{ path: '/query/verbose', message: 'is not known' }]);
  const choice = await world.ask(world.alice, 'GET', '/export', { query: { format: 'tar' } });
  assert.deepEqual(choice.json.errors, [{ path: '/query/format', message: 'must be one of mbox, zip' }]);
  const when = await world.ask(world.alice, 'POST', '/send', { body: { to: ['a@b.test'], sendAt: 'tomorrow' } });
  assert.match(when.json.errors[0].message, /^must be a time such as /);
  const malformed = await world.ask(undefined, 'POST', '/session', { body: '{"a', type: 'application/json' });
  assert.deepEqual([malformed.status, malformed.json.code], [400, 'bad-request']);
  const poisoned = await world.ask(undefined, 'POST', '/session', {
    body: '{"__proto__":{"x":1}}',
    type: 'application/json',
  });
  assert.equal(poisoned.status, 400);
  const text = await world.ask(undefined, 'POST', '/session', { body: 'hello', type: 'text/plain' });
  assert.deepEqual([text.status, text.json.code], [415, 'unsupported-media-type']);
  const form = await world.ask(world.alice, 'POST', '/send', { body: '{}', type: 'application/x-www-form-urlencoded' });
  assert.equal(
    form.json.detail,
    'This takes application/json, message/rfc822, multipart/form-data, not application/x-www-form-urlencoded',
  );
  const large = await world.ask(undefined, 'POST', '/session', {
    body: { address: 'x'.repeat(1_100_000), password: 'x' },
  });
  assert.deepEqual([large.status, large.json.code], [413, 'too-large']);
});

test('HEAD is GET without its body', async () => {
  const answer = await world.ask(world.alice, 'HEAD', '/account');
  assert.equal(answer.status, 200);
  assert.ok(Number(answer.headers['content-length']) > 50);
  assert.equal(answer.text, '');
});

test('health needs nobody', async () => {
  for (const path of ['//health/live', '//health/ready']) {
    const answer = await world.ask(undefined, 'GET', path);
    assert.deepEqual([answer.status, answer.json], [200, { status: 'ok' }]);
  }
});

test('a page signs in by cookie, and unsafe methods need its CSRF token', async () => {
  const { alice } = world;
  const wrong = await world.ask(undefined, 'POST', '/session', { body: { address: alice.address, password: 'no' } });
  assert.deepEqual([wrong.status, wrong.json.code], [401, 'bad-credentials']);

  const body = { address: alice.address, password: alice.password };
  const signedIn = await world.ask(undefined, 'POST', '/session', { body });
  assert.equal(signedIn.status, 201);
  assert.equal(signedIn.json.account.address, alice.address);
  const set = String(signedIn.headers['set-cookie']);
  assert.match(set, /^peerpost=pp_[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=1209600$/);
  const cookie = set.split(';')[0] as string;

  const who = await world.ask(undefined, 'GET', '/session', { headers: { cookie } });
  assert.deepEqual(who.json, signedIn.json);
  const forged = await world.ask(undefined, 'DELETE', '/session', { headers: { cookie } });
  assert.equal(forged.status, 403);
  // The cookie's text is no Bearer token.
  const asToken = await world.ask(cookie.split('=')[1], 'GET', '/account');
  assert.equal(asToken.status, 401);

  const headers = { cookie, 'x-csrf-token': who.json.csrf };
  const out = await world.ask(undefined, 'DELETE', '/session', { headers });
  assert.equal(out.status, 204);
  assert.match(String(out.headers['set-cookie']), /^peerpost=; .*Max-Age=0$/);
  const gone = await world.ask(undefined, 'GET', '/account', { headers: { cookie } });
  assert.equal(gone.status, 401);
});

test('scopes limit what a token may do', async () => {
  const narrow = await world.token({ account: world.alice.id, scopes: ['mail:read'] });
  const session = await world.ask(narrow, 'GET', '/session');
  assert.deepEqual(session.json.scopes, ['mail:read']);
  const peer = await world.token({ scopes: ['admin'] });
  const account = await world.ask(peer, 'GET', '/account');
  assert.deepEqual([account.status, account.json.code], [403, 'not-permitted']);
});

test('what people type leads to the documentation', async () => {
  for (const path of ['//api', '//api/', '//api/docs/']) {
    const answer = await world.ask(undefined, 'GET', path);
    assert.deepEqual([answer.status, answer.headers.location], [307, '/api/docs'], path);
  }
});
