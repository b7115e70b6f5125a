/** A running peer over https and http: certificate, sign-in, tokens, what stands in `status`, and what a reload and a drain leave alone. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';

interface Got {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

describe('REST of a running peer', { concurrency: 1 }, () => {
  let peer: TestPeer;
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });

  before(async () => {
    peer = await startTestPeer({ domain: 'a.test', users: ['alice'] });
  });
  after(async () => {
    agent.destroy();
    await peer.close();
  });

  async function ask(
    method: string,
    path: string,
    options: { readonly headers?: Record<string, string>; readonly body?: object; readonly clear?: true } = {},
  ): Promise<Got> {
    const { headers, body, clear } = options;
    const common = { host: peer.host, method, path, headers: { ...headers, ...(body && JSON_TYPE) } };
    const sent = clear
      ? httpRequest({ ...common, port: peer.port(80) })
      : httpsRequest({ ...common, port: peer.port(443), agent });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
    return { status: answer.statusCode, headers: answer.headers, text };
  }

  test('it is ready', async () => {
    assert.equal((await ask('GET', '/health/ready')).text, '{"status":"ok"}');
    assert.equal((await ask('GET', '/health/live', { clear: true })).status, 200);
  });

  test('a page signs in, makes a token, and signs out; the token stays', async () => {
    const body = { address: 'alice@a.test', password: peer.password };
    const signedIn = await ask('POST', '/api/v1/session', { body });
    assert.equal(signedIn.status, 201, signedIn.text);
    const [set = ''] = signedIn.headers['set-cookie'] ?? [];
    assert.match(set, /^__Host-peerpost=pp_.*; Secure$/);
    const session = { cookie: set.split(';')[0] as string, 'x-csrf-token': JSON.parse(signedIn.text).csrf as string };

    const wanted = { name: 'script', scopes: ['mail:read', 'account'] };
    const made = await ask('POST', '/api/v1/account/tokens', { headers: session, body: wanted });
    assert.equal(made.status, 201, made.text);
    const authorization = `Bearer ${JSON.parse(made.text).token}`;
    assert.equal((await ask('DELETE', '/api/v1/session', { headers: session })).status, 204);
    assert.equal((await ask('GET', '/api/v1/account', { headers: session })).status, 401);

    const account = await ask('GET', '/api/v1/account', { headers: { authorization } });
    assert.equal(account.status, 200, account.text);
    assert.equal(JSON.parse(account.text).address, 'alice@a.test');
    const list = await ask('GET', '/api/v1/messages', { headers: { authorization } });
    assert.deepEqual([list.status, list.text], [200, '{"items":[]}']);
    const audit = JSON.parse((await peer.cli(['audit', 'list', '--json'])).stdout);
    assert.ok(
      audit.items.some(({ act, actor }: Record<string, string>) => act === 'add-token' && actor === 'alice@a.test'),
    );
  });

  test('a new password counts at once, in every protocol', async () => {
    const basic = (password: string) => ({ authorization: `Basic ${btoa(`alice@a.test:${password}`)}` });
    const body = { current: peer.password, password: 'another one, longer' };
    const changed = await ask('PUT', '/api/v1/account/password', { headers: basic(peer.password), body });
    assert.equal(changed.status, 204, changed.text);
    assert.equal((await ask('GET', '/api/v1/account', { headers: basic(peer.password) })).status, 401);
    assert.equal((await ask('GET', '/api/v1/account', { headers: basic(body.password) })).status, 200);
  });

  test('an app password opens the mail and not the account', async () => {
    const owner = { authorization: `Basic ${btoa('alice@a.test:another one, longer')}` };
    const made = await ask('POST', '/api/v1/account/app-passwords', { headers: owner, body: { name: 'phone' } });
    assert.equal(made.status, 201, made.text);
    const { id, password } = JSON.parse(made.text);
    const phone = { authorization: `Basic ${btoa(`alice@a.test:${password}`)}` };
    assert.equal((await ask('GET', '/api/v1/messages', { headers: phone })).status, 200);
    assert.equal((await ask('GET', '/api/v1/account/tokens', { headers: phone })).status, 403);
    assert.equal((await ask('DELETE', `/api/v1/account/app-passwords/${id}`, { headers: owner })).status, 204);
    assert.equal((await ask('GET', '/api/v1/messages', { headers: phone })).status, 401);
  });

  test('the documentation is served, and counted', async () => {
    const document = JSON.parse((await ask('GET', '/api/openapi.json')).text);
    assert.ok(Object.keys(document.paths).length > 10);
    const figures = await fetch(`http://${peer.host}:${peer.port(9100)}/metrics`).then((answer) => answer.text());
    assert.match(figures, /peerpost_http_requests_total\{handler="rest",status="2xx"\} \d+/);
  });

  test('a new process takes over while requests go on', async () => {
    let asking = true;
    const statuses = new Set<number | undefined>();
    const asker = (async () => {
      while (asking) statuses.add((await ask('GET', '/health/ready')).status);
    })();
    const restarted = await peer.cli(['restart']);
    asking = false;
    await asker;
    assert.equal(restarted.code, 0, restarted.stderr);
    assert.deepEqual([...statuses], [200]);
  });
});

const JSON_TYPE = { 'content-type': 'application/json' };
