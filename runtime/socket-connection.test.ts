import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { testCertificate, testSecureContext } from '#test/support/certificate.ts';
import { FakeClock } from '#test/support/clock.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { fakeRandom } from '#test/support/random.ts';
import { connect } from './connect.ts';
import { ConnectionClosed } from './connection.ts';
import { SocketConnection } from './socket-connection.ts';
import { systemClock, systemRandom } from './system.ts';

const closedBy = (reason: ConnectionClosed['reason']) => (error: unknown) =>
  error instanceof ConnectionClosed && error.reason === reason;

async function open(
  t: TestContext,
  listenOn?: string,
): Promise<{ server: SocketConnection; client: Socket; clock: FakeClock }> {
  const clock = new FakeClock();
  const listener = createServer({ pauseOnConnect: true });
  if (listenOn === undefined) listener.listen(0, '127.0.0.1');
  else listener.listen(listenOn);
  await once(listener, 'listening');
  const client =
    listenOn === undefined
      ? netConnect({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
      : netConnect({ path: listenOn, allowHalfOpen: true });
  client.on('error', () => undefined);
  const [socket] = (await once(listener, 'connection')) as [Socket];
  const server = new SocketConnection(socket, { clock, random: fakeRandom(), secureContext: testSecureContext });
  t.after(() => {
    server.destroy();
    client.destroy();
    listener.close();
  });
  return { server, client, clock };
}

async function readAll(connection: SocketConnection): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await connection.read(); chunk !== null; chunk = await connection.read()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('a connection knows both ends in canonical spelling', async (t) => {
  const { server, client } = await open(t);
  assert.deepEqual(server.remote, { address: '127.0.0.1', port: client.localPort });
  assert.equal(server.loopback, true);
  assert.match(server.id, /^[0-9a-z]{10}$/);
});

test('a Unix socket counts as loopback', async (t) => {
  const { server, client } = await open(t, join(temporaryFolder(t), 's'));
  assert.equal(server.remote, 'unix');
  assert.equal(server.local, 'unix');
  assert.equal(server.loopback, true);
  client.end('hello');
  assert.equal(await readAll(server), 'hello');
});

test('read() yields what came, then null once the peer has finished; writing goes on', async (t) => {
  const { server, client } = await open(t);
  client.end('one two');
  assert.equal(await readAll(server), 'one two');
  assert.equal(await server.read(), null);
  client.setEncoding('latin1');
  await server.write('late reply');
  await server.end();
  assert.deepEqual(await once(client, 'data'), ['late reply']);
});

test('a peer that is not read from is held back, and nothing is lost', async (t) => {
  const { server, client } = await open(t);
  const size = 24_000_000;
  client.end(Buffer.alloc(size, 'x'));
  await server.read();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(client.writableLength > 0, 'the peer still holds bytes');
  assert.ok(server.buffered < 300_000, `${server.buffered} octets were read ahead`);
  let total = 0;
  const first = 65_536;
  for (let chunk = await server.read(); chunk !== null; chunk = await server.read()) total += chunk.length;
  assert.ok(total >= size - first && total < size);
});

test('write() waits while the peer does not read, and fails when the deadline passes', async (t) => {
  const { server, client, clock } = await open(t);
  client.pause();
  server.deadline(5_000);
  const megabyte = Buffer.alloc(1_000_000);
  const writing = (async () => {
    for (let i = 0; i < 100; i++) await server.write(megabyte);
  })();
  const failed = assert.rejects(writing, closedBy('deadline'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await clock.advance(5_000);
  await failed;
});

test('a deadline is absolute: bytes that arrive do not move it; a new one lets the session say goodbye', async (t) => {
  const { server, client, clock } = await open(t);
  server.deadline(10_000);
  client.write('a');
  await server.read();
  await clock.advance(9_999);
  client.write('b');
  await server.read();
  const pending = assert.rejects(server.read(), closedBy('deadline'));
  await clock.advance(1);
  await pending;
  await assert.rejects(server.write('x'), closedBy('deadline'));
  server.deadline(1_000);
  await server.write('421');
  assert.equal(String((await once(client, 'data'))[0]), '421');
});

test('read() fails with closed when the peer resets, after what had come before', async (t) => {
  const { server, client } = await open(t);
  client.write('QUIT');
  assert.equal(String(await server.read()), 'QUIT');
  client.resetAndDestroy();
  await assert.rejects(server.read(), ConnectionClosed);
  assert.equal(server.signal.aborted, true);
  await assert.rejects(server.write('x'), ConnectionClosed);
  await server.closed;
});

test('drain() fails one read and aborts the signal; what is in hand can still be finished', async (t) => {
  const { server, client } = await open(t);
  const pending = assert.rejects(server.read(), closedBy('draining'));
  server.drain();
  await pending;
  assert.equal(server.signal.aborted, true);
  client.write('rest');
  assert.equal(String(await server.read()), 'rest');
  await server.write('221');
  assert.equal(String((await once(client, 'data'))[0]), '221');
});

test('corked replies leave together, even more than the high-water mark', async (t) => {
  const { server, client } = await open(t);
  server.cork();
  await server.write('250 a\r\n');
  await server.write('250 b\r\n');
  server.uncork();
  assert.equal(String((await once(client, 'data'))[0]), '250 a\r\n250 b\r\n');
  client.resume();
  server.cork();
  for (let i = 0; i < 40; i++) await server.write(Buffer.alloc(100_000));
  server.uncork();
  await server.end();
});

test('buffered shows an early talker before anything is read', async (t) => {
  const listener = createServer().listen(0, '127.0.0.1');
  t.after(() => listener.close());
  await once(listener, 'listening');
  const client = netConnect((listener.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await once(listener, 'connection')) as [Socket];
  const server = new SocketConnection(socket, { clock: systemClock, random: systemRandom });
  t.after(() => {
    server.destroy();
    client.destroy();
  });
  assert.equal(server.buffered, 0);
  client.write('EHLO early\r\n');
  while (server.buffered === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(server.buffered, 12);
});

test('startTls() discards all that came in the clear and then carries TLS (RFC 3207 §4.2)', async (t) => {
  const { server, client } = await open(t);
  client.write('STARTTLS\r\nMAIL FROM:<injected@x>\r\n');
  assert.match(String(await server.read()), /^STARTTLS/);
  client.write('RCPT TO:<more@x>\r\n');
  await new Promise((resolve) => setTimeout(resolve, 20));
  await server.write('220\r\n');
  const upgrading = server.startTls(5_000);
  await once(client, 'data');
  const secured = tlsConnect({ socket: client, ca: [testCertificate().certificate], servername: 'localhost' });
  await Promise.all([upgrading, once(secured, 'secureConnect')]);
  secured.write('EHLO a\r\n');
  assert.equal(String(await server.read()), 'EHLO a\r\n');
  assert.equal(server.tls?.protocol, 'TLSv1.3');
  assert.deepEqual(
    Buffer.from(server.tls?.exporter() ?? []),
    secured.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)),
  );
  await server.write('250 b\r\n');
  assert.equal(String((await once(secured, 'data'))[0]), '250 b\r\n');
  secured.end();
  assert.equal(await server.read(), null);
});

test('implicitTls() gives up on a peer that does not shake hands in time', async (t) => {
  const { server, clock } = await open(t);
  const failed = assert.rejects(server.implicitTls(3_000), closedBy('deadline'));
  await clock.advance(3_000);
  await failed;
  await server.closed;
});

test('implicitTls() fails, and does not throw elsewhere, when the peer talks no TLS', async (t) => {
  const { server, client } = await open(t);
  client.write('EHLO plain text\r\n');
  await assert.rejects(server.implicitTls(3_000), ConnectionClosed);
  await server.closed;
});

test('connect() and startTlsAsClient() talk to a server of ours over implicit TLS', async (t) => {
  const listener = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  t.after(() => listener.close());
  await once(listener, 'listening');
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const options = { clock: systemClock, random: systemRandom, secureContext: testSecureContext };
  const { port } = listener.address() as AddressInfo;
  const client = await connect({ host: '127.0.0.1', port }, 5_000, options);
  const server = new SocketConnection((await accepted)[0], options);
  await Promise.all([
    server.implicitTls(5_000),
    client.startTlsAsClient(5_000, { ca: [testCertificate().certificate], servername: 'localhost' }),
  ]);
  const big = Buffer.alloc(3_000_000, 'y');
  const sent = server.write(big).then(() => server.end());
  assert.equal((await readAll(client)).length, big.length);
  await client.end();
  await sent;
  await Promise.all([client.closed, server.closed]);
});

test('connect() names a refused connection by its cause', async () => {
  const options = { clock: systemClock, random: systemRandom };
  await assert.rejects(connect({ path: '/nonexistent/socket' }, 1_000, options), (error: unknown) => {
    assert.ok(error instanceof ConnectionClosed);
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ENOENT');
    return true;
  });
});

test('a client that closes its side in the middle of the handshake is let go at once', async (t) => {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const client = netConnect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => client.destroy());
  const [socket] = (await once(server, 'connection')) as [Socket];
  const rooms = { clock: systemClock, random: systemRandom, secureContext: testSecureContext };
  const connection = new SocketConnection(socket, rooms);
  const handshake = assert.rejects(connection.implicitTls(30_000), ConnectionClosed);
  client.end(Buffer.of(0x16, 3, 1));
  const before = performance.now();
  await handshake;
  assert.ok(performance.now() - before < 10_000);
});

test('a client that had gone before the handshake began is let go at once', async (t) => {
  for (const said of ['', '\x16']) {
    // Reads at once, as sockets do that another process dealt to us.
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const client = netConnect((server.address() as AddressInfo).port, '127.0.0.1');
    t.after(() => client.destroy());
    client.end(Buffer.from(said));
    const [[socket]] = (await Promise.all([once(server, 'connection'), once(client, 'finish')])) as [[Socket], unknown];
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const rooms = { clock: systemClock, random: systemRandom, secureContext: testSecureContext };
    const connection = new SocketConnection(socket, rooms);
    const before = performance.now();
    await assert.rejects(connection.implicitTls(30_000), ConnectionClosed);
    assert.ok(performance.now() - before < 10_000);
    await connection.closed;
  }
});
