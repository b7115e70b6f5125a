import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { Exchange } from '../http/exchange.ts';
import { type Bundle, loadBundle } from './bundle.ts';
import { codingFor, createPagesHandler } from './handler.ts';

/** What both pages together may have, compressed. */
const MOST = 60 * 1024;

describe('what the pages are made of', () => {
  let bundle: Bundle;
  before(async () => {
    bundle = await loadBundle();
  });

  test('everything together is small', (context) => {
    const files = [...bundle.assets.values(), bundle.user, bundle.admin];
    const size = files.reduce((sum, file) => sum + file.br.length, 0);
    context.diagnostic(`${files.length} files, ${size} octets with brotli`);
    assert.ok(size <= MOST, `${size} octets`);
  });

  test('every import leads to a module that is served', () => {
    for (const [path, { identity }] of bundle.assets) {
      if (!path.endsWith('js')) continue;
      for (const [, specifier = ''] of identity.toString().matchAll(/\b(?:from|import)\s*["']([^"']+)["']/g)) {
        assert.match(specifier, /^\.\.?\//, `${path} imports ${specifier}`);
        assert.ok(
          bundle.assets.has(new URL(specifier, `file:///${path}`).pathname.slice(1)),
          `${path} imports ${specifier}`,
        );
      }
    }
  });

  test('documents have nothing inline, and name what is there', () => {
    for (const document of [bundle.user, bundle.admin]) {
      const html = document.identity.toString();
      assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
      const paths = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path = '']) => path);
      assert.ok(paths.length > 10);
      for (const path of paths) assert.ok(bundle.assets.has(path.split('/').slice(3).join('/')), path);
    }
    assert.doesNotMatch(bundle.user.identity.toString(), /web\/admin\//);
  });

  test('modules use no style attributes, which the policy would refuse', () => {
    for (const [path, { identity }] of bundle.assets) {
      if (path.startsWith('web/')) assert.doesNotMatch(identity.toString(), /\sstyle=|innerHTML/, path);
    }
  });
});

describe('how the pages are served', () => {
  const handler = createPagesHandler();
  let server: Server;
  before(async () => {
    server = createServer((incoming, response) => {
      const exchange = { path: incoming.url } as Exchange;
      void handler.handle(incoming, response, exchange);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => server.close());

  async function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
    const { port } = server.address() as AddressInfo;
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false });
    sent.end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) };
  }

  test('wants its own paths alone', () => {
    const wants = (path: string): boolean => handler.wants({ path } as Exchange, 'GET');
    assert.deepEqual(['/', '/admin', '/admin/queue', '/assets/x/y.js'].map(wants), [true, true, true, true]);
    assert.deepEqual(['/api/v1/session', '/administrator', '/setup/mobileconfig', '/x'].map(wants), [
      false,
      false,
      false,
      false,
    ]);
    assert.equal(handler.inClear({ path: '/' } as Exchange), 'redirect');
  });

  test('a document comes with a strict policy, and is asked about each time', async () => {
    const { status, headers, body } = await ask('/admin/accounts/a1');
    assert.equal(status, 200);
    assert.equal(
      headers['content-security-policy'],
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    assert.deepEqual([headers['x-content-type-options'], headers['cache-control']], ['nosniff', 'no-cache']);
    assert.match(body.toString(), /^<!doctype html>/);
    const again = await ask('/admin', { 'if-none-match': String(headers.etag) });
    assert.deepEqual([again.status, again.body.length], [304, 0]);
    assert.equal((await ask('/', { 'if-none-match': String(headers.etag) })).status, 200);
  });

  test('assets are compressed and kept for good, under their own hash alone', async () => {
    const script = /src="([^"]+)"/.exec((await ask('/')).body.toString())?.[1] ?? '';
    const plain = await ask(script);
    assert.match(String(plain.headers['cache-control']), /immutable/);
    assert.deepEqual(
      [plain.headers['content-type'], plain.headers.vary],
      ['text/javascript; charset=utf-8', 'Accept-Encoding'],
    );
    const br = await ask(script, { 'accept-encoding': 'gzip, deflate, br' });
    assert.equal(br.headers['content-encoding'], 'br');
    assert.deepEqual(brotliDecompressSync(br.body), plain.body);
    assert.deepEqual(gunzipSync((await ask(script, { 'accept-encoding': 'gzip' })).body), plain.body);
    const old = await ask(script.replace(/^\/assets\/[^/]+/, '/assets/older'));
    assert.deepEqual([old.status, old.headers['cache-control']], [200, 'no-cache']);
    assert.deepEqual(old.body, plain.body);
    const head = await ask(script, {}, 'HEAD');
    assert.deepEqual([head.body.length, head.headers['content-length']], [0, String(plain.body.length)]);
  });

  test('refuses the rest', async () => {
    assert.equal((await ask('/assets/x/web/../../package.json')).status, 404);
    assert.equal((await ask('/assets/')).status, 404);
    const posted = await ask('/', {}, 'POST');
    assert.deepEqual([posted.status, posted.headers.allow], [405, 'GET, HEAD']);
  });
});

test('which coding a browser takes', () => {
  assert.equal(codingFor('br;q=0, gzip;q=0.5'), 'gzip');
  assert.equal(codingFor('GZIP, BR'), 'br');
  assert.equal(codingFor('identity'), 'identity');
  assert.equal(codingFor(undefined), 'identity');
});
