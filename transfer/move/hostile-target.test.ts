/** Another peer that is none, or means harm: its answers are bounded, believed in nothing but their form, and lead nowhere else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { makeSelfSigned } from '#runtime/tls/self-signed.ts';
import { httpTarget, type PeerAddress } from './http-target.ts';

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

function targetAt(t: TestContext, peer: Omit<PeerAddress, 'token'>) {
  const target = httpTarget({ ...peer, token: 'pp_secret' }, AbortSignal.timeout(30_000));
  t.after(() => target.close());
  return target;
}

async function hostile(t: TestContext, answer: RequestListener) {
  const server = createServer(answer);
  const port = await listening(t, server);
  t.after(() => server.closeAllConnections());
  return targetAt(t, { url: `http://127.0.0.1:${port}` });
}

test('answers that no peer gives are refused', async (t) => {
  const good = { version: 1, active: false, mailboxes: [], last: {}, subscribed: [] };
  let body = JSON.stringify(good);
  const target = await hostile(t, (_, response) => void response.end(body));
  assert.deepEqual(await target.state('x', 'a@b.test'), good);
  for (const wrong of [
    '',
    'null',
    '1',
    '"x"',
    '[]',
    '{',
    '<html>',
    JSON.stringify({ ...good, version: '1' }),
    JSON.stringify({ ...good, version: 1e300 }),
    JSON.stringify({ ...good, active: 1 }),
    JSON.stringify({ ...good, mailboxes: {} }),
    JSON.stringify({ ...good, mailboxes: [null] }),
    JSON.stringify({ ...good, last: null }),
    JSON.stringify({ ...good, last: { x: -1 } }),
    JSON.stringify({ ...good, last: { x: '9' } }),
    JSON.stringify({ ...good, subscribed: [1] }),
  ]) {
    body = wrong;
    await assert.rejects(target.state('x', 'a@b.test'), { name: 'MailError' }, wrong);
  }
});

test('what it says of a failure is short, and holds nothing that a terminal obeys', async (t) => {
  const detail = `\u001b]0;owned\u0007\r\n\u009b31m${'x'.repeat(1_000_000)}`;
  const target = await hostile(t, (_, response) => void response.writeHead(403).end(JSON.stringify({ detail })));
  await assert.rejects(target.state('x', 'a@b.test'), (error: Error) => {
    assert.ok(error.message.length < 400);
    assert.doesNotMatch(error.message, /\p{Cc}/u);
    return true;
  });
});

test('an answer without end is cut off', async (t) => {
  const target = await hostile(t, (_, response) => {
    const piece = Buffer.alloc(1_048_576, 'x');
    const more = (): void => {
      while (!response.destroyed && response.write(piece));
    };
    response.on('drain', more);
    more();
  });
  await assert.rejects(target.state('x', 'a@b.test'), { failure: 'unavailable' });
});

test('a redirect is not followed, and the token goes nowhere else', async (t) => {
  let asked = 0;
  const inner = await listening(
    t,
    createServer((_, response) => void response.end(String(++asked))),
  );
  for (const status of [301, 302, 307, 308]) {
    const target = await hostile(t, (_, response) => {
      response.writeHead(status, { location: `http://127.0.0.1:${inner}/` }).end();
    });
    await assert.rejects(target.state('x', 'a@b.test'), { failure: 'rejected' });
  }
  assert.equal(asked, 0);
});

test('a certificate that nobody vouches for is refused before anything is said', async (t) => {
  let asked = 0;
  const now = Date.now();
  const { certificate, key } = makeSelfSigned({ names: ['127.0.0.1'], notBefore: now - 1_000, notAfter: now + 60_000 });
  const server = createSecureServer({ cert: certificate, key }, (_, response) => void response.end(String(++asked)));
  const port = await listening(t, server);
  t.after(() => server.closeAllConnections());
  const target = targetAt(t, { url: `https://127.0.0.1:${port}` });
  await assert.rejects(target.state('x', 'a@b.test'), { failure: 'unavailable' });
  assert.equal(asked, 0);
});
