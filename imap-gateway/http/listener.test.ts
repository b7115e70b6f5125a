import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import type { Clock } from '#runtime/ambient.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { createMetrics } from '#runtime/metrics/metrics.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import { testSecureContext } from '#test/support/certificate.ts';
import { FakeClock, settle } from '#test/support/clock.ts';
import { silentLog } from '#test/support/log.ts';
import { examiner } from './exchange.ts';
import type { HttpHandler } from './handler.ts';
import { HttpListener } from './listener.ts';

/** Held requests are answered when the test says so. */
const held: (() => void)[] = [];
const handlers: readonly HttpHandler[] = [
  {
    name: 'rest',
    wants: ({ path }) => path.startsWith('/api'),
    inClear: () => 'redirect',
    handle(request, response, exchange) {
      if (exchange.path === '/api/throw') throw new Error('a fault');
      if (exchange.path === '/api/hold') {
        held.push(() => response.end('late'));
        return;
      }
      if (exchange.path === '/api/slow') {
        response.flushHeaders();
        held.push(() => response.end('late'));
        return;
      }
      exchange.loggedIn?.('alice@alpha.test');
      request.resume().once('end', () => response.end(`${exchange.secure} ${exchange.https}`));
    },
  },
  {
    name: 'setup',
    wants: ({ path }) => path === '/open',
    inClear: () => 'serve',
    handle: (_, r) => void r.end('open'),
  },
];

interface World {
  readonly listener: HttpListener;
  readonly coordination: LocalCoordination;
  readonly http: number;
  readonly https: number;
  close(): Promise<void>;
}

async function world(
  options: { clock?: Clock; perAddress?: number; trusted?: string[]; strictTransport?: boolean } = {},
): Promise<World> {
  const clock = options.clock ?? systemClock;
  const coordination = new LocalCoordination(clock);
  const rooms = { coordination, clock, random: systemRandom, log: silentLog, metrics: createMetrics() };
  const listener = new HttpListener(
    { ...rooms, secureContext: testSecureContext },
    {
      examine: examiner({ trustedProxies: options.trusted ?? [], random: systemRandom }),
      handlers,
      hostname: 'mail.alpha.test',
      httpsPort: 8443,
      strictTransport: options.strictTransport ?? false,
      connectionsPerAddress: options.perAddress ?? 100,
      exemptNetworks: [],
      minimumRate: 500,
      contentTimeout: 3_600_000,
    },
  );
  const open = async (protocol: 'http' | 'https'): Promise<Server> => {
    const server = createServer({ pauseOnConnect: true }, (socket) => listener.accept(protocol, socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  };
  const servers = [await open('http'), await open('https')] as const;
  const [http, https] = servers.map((server) => (server.address() as AddressInfo).port) as [number, number];
  return {
    listener,
    coordination,
    http,
    https,
    async close() {
      for (const server of servers) server.close();
      await listener.drain(0);
    },
  };
}

interface Got {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function get(port: number, path: string, options: object = {}, tls = false): Promise<Got> {
  const ask = { host: '127.0.0.1', port, path, rejectUnauthorized: false, ...options };
  const sent = tls ? httpsRequest(ask) : httpRequest(ask);
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of answer) body += String(chunk);
  return { status: answer.statusCode, headers: answer.headers, body };
}

async function raw(port: number, text: string): Promise<{ socket: Socket; closed: Promise<string> }> {
  const socket = connect(port, '127.0.0.1');
  let got = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    got += chunk;
  });
  socket.on('error', () => undefined);
  const closed = once(socket, 'close').then(() => got);
  await once(socket, 'connect');
  socket.write(text);
  return { socket, closed };
}

test('a request over http from this host, and over https, is served', async () => {
  const w = await world();
  assert.equal((await get(w.http, '/api/x')).body, 'true false');
  assert.equal((await get(w.https, '/api/x', {}, true)).body, 'true true');
  await w.close();
});

test('browsers are told to come by TLS alone where they can trust it, and only over TLS', async () => {
  const strict = await world({ strictTransport: true });
  const hsts = async (port: number, path: string, tls: boolean): Promise<unknown> =>
    (await get(port, path, {}, tls)).headers['strict-transport-security'];
  for (const path of ['/api', '/open', '/nothing', '/api/throw']) {
    assert.equal(await hsts(strict.https, path, true), 'max-age=15552000', path);
    assert.equal(await hsts(strict.http, path, false), undefined, path);
  }
  await strict.close();
  const plain = await world();
  assert.equal(await hsts(plain.https, '/api', true), undefined);
  await plain.close();
});

test('what nobody wants is 404, and a fault is 500 with the id of the request', async () => {
  const w = await world();
  const none = await get(w.http, '/nothing');
  assert.deepEqual([none.status, none.body], [404, 'There is nothing here\n']);
  const fault = await get(w.http, '/api/throw');
  assert.equal(fault.status, 500);
  assert.equal(fault.body, `An error of the server, request ${String(fault.headers['x-request-id'])}\n`);
  await w.close();
});

test('in the clear from afar only what needs no secret is served, the rest is sent to https', async () => {
  const w = await world({ trusted: ['127.0.0.0/8'] });
  const far = { 'x-forwarded-for': '192.0.2.1', host: 'mail.alpha.test:8080' };
  assert.equal((await get(w.http, '/open', { headers: far })).body, 'open');
  const sent = await get(w.http, '/api/x?y=1', { headers: far });
  assert.deepEqual([sent.status, sent.headers.location], [308, 'https://mail.alpha.test:8443/api/x?y=1']);
  const odd = await get(w.http, '/api/x', { headers: { ...far, host: 'evil"host' } });
  assert.equal(odd.headers.location, 'https://mail.alpha.test:8443/api/x');
  for (const more of [{ method: 'POST' }, { headers: { ...far, authorization: 'Bearer x' } }]) {
    assert.equal((await get(w.http, '/api/x', { headers: far, ...more })).status, 403);
  }
  await w.close();
});

test('a client that has closed its sending half gets its answers, and then the end', async () => {
  const w = await world();
  const request = 'GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n';
  const plain = await raw(w.http, 'GET /api/hold HTTP/1.1\r\nHost: x\r\n\r\n');
  while (held.length === 0) await settle();
  plain.socket.end();
  // The end has come before the answer is there.
  await new Promise((resolve) => setTimeout(resolve, 20));
  held.shift()?.();
  assert.match(await plain.closed, /^HTTP\/1\.1 200 .*late$/s);
  const idle = await raw(w.http, '');
  idle.socket.end();
  assert.equal(await idle.closed, '');
  const twice = await raw(w.http, request + request);
  twice.socket.end();
  assert.equal((await twice.closed).match(/true false/g)?.length, 2);
  const secured = tlsConnect({ port: w.https, host: '127.0.0.1', rejectUnauthorized: false });
  let got = '';
  secured.setEncoding('latin1').on('data', (chunk: string) => (got += chunk));
  await once(secured, 'secureConnect');
  secured.end(request);
  await once(secured, 'close');
  assert.match(got, /true true$/);
  await w.close();
});

test('a connection is kept for the next request', async () => {
  const w = await world();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  agent.on('free', (socket: Socket) => ports.add(socket.localPort));
  for (let i = 0; i < 3; i++) await get(w.http, '/api/x', { agent });
  assert.equal(ports.size, 1);
  agent.destroy();
  await w.close();
});

test('an address has so many connections, and gets a place back', async () => {
  const w = await world({ perAddress: 1 });
  const first = await raw(w.http, '');
  const second = await raw(w.http, 'GET /open HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.equal(await second.closed, '');
  first.socket.destroy();
  await first.closed;
  while ((await w.coordination.acquire('http-connections:127.0.0.1', 1)) === undefined) await settle();
  await w.close();
});

test('a head that drips, and one that never comes, end at an absolute time', async () => {
  const clock = new FakeClock();
  const w = await world({ clock });
  const dripping = await raw(w.http, 'GET /open HTTP/1.1\r\nHost: x\r\nX-A: ');
  const silent = await raw(w.https, '');
  while (clock.pending < 3) await settle();
  for (let second = 0; second < 31; second++) {
    dripping.socket.write('a');
    await clock.advance(1_000);
  }
  assert.equal(await dripping.closed, '');
  assert.equal(await silent.closed, '');
  await w.close();
});

test('a body that hardly moves is cut off', async () => {
  const clock = new FakeClock();
  const w = await world({ clock });
  const { socket, closed } = await raw(w.http, 'POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc');
  while (clock.pending < 2) await settle();
  for (let second = 0; second < 31; second++) {
    socket.write('a');
    await clock.advance(1_000);
  }
  assert.equal(await closed, '');
  await w.close();
});

test('a head that is too large, or no HTTP, is refused', async () => {
  const w = await world();
  const large = await raw(w.http, `GET /open HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`);
  assert.match(await large.closed, /^HTTP\/1\.1 431 /);
  const noise = await raw(w.http, 'EHLO x\r\n\r\n');
  assert.match(await noise.closed, /^HTTP\/1\.1 400 /);
  const smuggled = 'POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
  assert.match(await (await raw(w.http, smuggled)).closed, /^HTTP\/1\.1 400 /);
  await w.close();
});

test('a drain ends idle connections, and finishes what is in hand', async () => {
  const w = await world();
  const idle = await raw(w.http, '');
  const busy = await raw(w.http, 'GET /api/hold HTTP/1.1\r\nHost: x\r\n\r\n');
  while (held.length === 0) await settle();
  const drained = w.listener.drain(60_000);
  assert.equal(await idle.closed, '');
  held.pop()?.();
  assert.match(await busy.closed, /^HTTP\/1\.1 200 .*\r\nConnection: close\r\n.*late/s);
  await drained;
  await w.close();
});

test('where another worker is there, an idle connection has one more answer', async () => {
  const w = await world();
  const idle = await raw(w.http, '');
  while ((await w.coordination.acquire('http-connections:127.0.0.1', 1)) !== undefined) await settle();
  const drained = w.listener.drain(60_000, true);
  idle.socket.write('GET /open HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.match(await idle.closed, /^HTTP\/1\.1 200 .*\r\nConnection: close\r\n.*open/s);
  await drained;
  await w.close();
});

test('where another worker is there, whose answer is on its way already may ask once more', async () => {
  const w = await world();
  const busy = await raw(w.http, 'GET /api/slow HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(busy.socket, 'data');
  const drained = w.listener.drain(60_000, true);
  held.pop()?.();
  await once(busy.socket, 'data');
  busy.socket.write('GET /open HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.match(await busy.closed, /Connection: keep-alive\r\n.*late.*Connection: close\r\n.*open/s);
  await drained;
  await w.close();
});

test('connections that last stand among the sessions, with their account', async () => {
  const clock = new FakeClock();
  const w = await world({ clock });
  const { socket, closed } = await raw(w.http, 'GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  assert.deepEqual(await w.coordination.sessions(), []);
  await clock.advance(2_500);
  const [session] = await w.coordination.sessions();
  assert.equal(session?.protocol, 'http');
  assert.equal(session?.login, 'alice@alpha.test');
  await w.coordination.disconnect([session?.id ?? '']);
  await closed;
  while ((await w.coordination.sessions()).length > 0) await settle();
  await w.close();
});

after(() => assert.equal(held.length, 0));
