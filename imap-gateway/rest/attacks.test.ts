/** What somebody who means harm would try: each attempt that once did some stays here. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestUser, type RestWorld, restWorld } from '#test/support/rest.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

const add = async (user: RestUser, message: string): Promise<string> => {
  const { json, status, text } = await world.ask(user, 'POST', '/messages', { body: message, type: 'message/rfc822' });
  assert.equal(status, 201, text);
  return json.messages[0].id as string;
};

/** Milliseconds of the process's own time: others may have the machine meanwhile. */
async function cost(work: () => Promise<unknown>): Promise<number> {
  const began = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000;
}

test('HTML that names one large picture again and again does not grow without bound', async () => {
  const picture = Buffer.alloc(3_000_000, 7).toString('base64').replace(/.{76}/g, '$&\r\n');
  const id = await add(
    world.alice,
    `Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n${'<img src="cid:p">\r\n'.repeat(5_000)}` +
      `--b\r\nContent-Type: image/png\r\nContent-ID: <p>\r\nContent-Transfer-Encoding: base64\r\n\r\n${picture}\r\n--b--\r\n`,
  );
  const { status, bytes } = await world.ask(world.alice, 'GET', `/messages/${id}/html`);
  assert.equal(status, 200);
  assert.ok(bytes.length < 20_000_000, `${bytes.length} octets`);
  assert.ok(bytes.includes('data:image/png;base64,'));
});

test('text of nothing but spaces is answered in time', async () => {
  const id = await add(world.alice, `From: eve@x.test\r\nSubject: s\r\n\r\n${' '.repeat(400_000)}x\r\n`);
  const ms = await cost(async () => {
    const { status, text } = await world.ask(world.alice, 'POST', '/drafts', { body: { inReplyTo: id, text: 'a' } });
    assert.equal(status, 201, text);
  });
  assert.ok(ms < 3_000, `${ms} ms`);
});

test('imported authentication results of any length are read in time', async () => {
  for (const text of ['a'.repeat(200_000), `a/${'1'.repeat(200_000)}`, 'a="\\"'.repeat(40_000)]) {
    const id = await add(world.alice, `Authentication-Results: mail.alpha.test; ${text}\r\n\r\nx\r\n`);
    const ms = await cost(async () => {
      const { status } = await world.ask(world.alice, 'GET', `/messages/${id}`);
      assert.equal(status, 200);
    });
    assert.ok(ms < 3_000, `${ms} ms`);
  }
});

test('a second that no clock has is refused', async () => {
  const leap = '2030-12-31T23:59:60Z';
  const asked = await Promise.all([
    world.ask(world.alice, 'POST', '/messages', {
      body: 'A: b\r\n\r\nx',
      type: 'message/rfc822',
      query: { receivedAt: leap },
    }),
    world.ask(world.alice, 'POST', '/send', { body: { to: ['bob@alpha.test'], text: 'x', sendAt: leap } }),
    world.ask(world.alice, 'POST', '/account/tokens', { body: { name: 'x', scopes: ['send'], expiresAt: leap } }),
  ]);
  assert.deepEqual(
    asked.map(({ status, text }) => [status, status === 400 ? '' : text]),
    [
      [400, ''],
      [400, ''],
      [400, ''],
    ],
  );
});

test('an enormous header makes no enormous list', async () => {
  const to = Array.from({ length: 20_000 }, (_, i) => `"name ${i}" <someone${i}@example.org>`).join(',\r\n ');
  const id = await add(world.bob, `From: a@x.test\r\nTo: ${to}\r\nSubject: ${'s'.repeat(90_000)}\r\n\r\nx\r\n`);
  const list = await world.ask(world.bob, 'GET', '/messages');
  assert.equal(list.json.items[0].id, id);
  assert.ok(list.bytes.length < 50_000, `${list.bytes.length} octets`);
  const whole = await world.ask(world.bob, 'GET', `/messages/${id}`);
  assert.ok(whole.json.to.length > 1_000);
});

test('who may not read mail can not have it sent on', async () => {
  const token = await world.token({ account: world.alice.id, scopes: ['account'] });
  const webhook = await world.ask(token, 'POST', '/webhooks', { body: { url: 'https://app.example.org/x' } });
  assert.equal(webhook.status, 403);
  const forward = { targets: ['eve@evil.test'], keep: true };
  assert.equal((await world.ask(token, 'PUT', '/account/forward', { body: forward })).status, 403);
  const made = await world.ask(world.alice, 'POST', '/webhooks', { body: { url: 'https://app.example.org/x' } });
  const elsewhere = { url: 'https://evil.example.org/' };
  assert.equal((await world.ask(token, 'PATCH', `/webhooks/${made.json.id}`, { body: elsewhere })).status, 403);
});

test('a token makes none that outlives it or is good elsewhere', async () => {
  const expiresAt = world.clock.now() + 60_000;
  const scopes = ['account', 'mail:write', 'send'] as const;
  const bounded = await world.token({ account: world.alice.id, scopes, expiresAt, networks: ['127.0.0.1'] });
  const make = (body: object) => world.ask(bounded, 'POST', '/account/tokens', { body: { scopes: ['send'], ...body } });
  const { json, status } = await make({ name: 'for ever' });
  assert.equal(status, 201);
  assert.equal(Date.parse(json.expiresAt), expiresAt);
  assert.deepEqual(json.networks, ['127.0.0.1']);
  assert.equal((await make({ name: 'elsewhere', networks: ['0.0.0.0/0'] })).status, 403);
  assert.equal((await world.ask(bounded, 'POST', '/account/app-passwords', { body: { name: 'x' } })).status, 403);
});

test('lists of millions of wrong items are refused before each is looked at', async () => {
  const body = `{"attachments":[${'1,'.repeat(1_000_000)}1]}`;
  const ms = await cost(async () => {
    const { status, json } = await world.ask(world.alice, 'POST', '/drafts', { body, type: 'application/json' });
    assert.equal(status, 400);
    assert.equal(json.errors[0].path, '/body/attachments');
  });
  assert.ok(ms < 1_000, `${ms} ms`);
});

test('a message of thousands of attachments is not forwarded piece by piece', async () => {
  const part = '--b\r\nContent-Disposition: attachment; filename=a\r\n\r\nx\r\n';
  const id = await add(world.alice, `Content-Type: multipart/mixed; boundary=b\r\n\r\n${part.repeat(5_000)}--b--\r\n`);
  const { status, json } = await world.ask(world.alice, 'POST', '/drafts', { body: { forwardOf: id } });
  assert.deepEqual([status, json.errors[0].path], [400, '/body/forwardOf']);
});
