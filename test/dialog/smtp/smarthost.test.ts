/** Our client at a smarthost that wants a login: our own submission server, with and without channel binding, and the smtp-server library. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import type { Config } from '#config/config.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { SocketConnection } from '#runtime/socket-connection.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import type { QueueEntry } from '#store/queue.ts';
import { testCertificate, testSecureContext } from '#test/support/certificate.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { recordingLog, silentLog } from '#test/support/log.ts';
import { attempt } from '../../../mta/delivery/attempt.ts';
import { ConnectionPool } from '../../../mta/delivery/connection-pool.ts';
import { readSmarthostLogin } from '../../../mta/delivery/smarthost.ts';
import type { Verdict } from '../../../mta/delivery/verdict.ts';
import { destinationOf } from '../../../mta/routing/destination.ts';
import { createSmtpServer } from '../../../mta/server/listener.ts';
import { fakeDirectory, memorySpool, noNames, PASSWORD, rememberingSink, testConfig } from './world.ts';

const CONTENT = 'Subject: x\r\n\r\nhello\r\n';

async function portOf(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function ours(t: TestContext, channelBinding: number, kind: 'submission' | 'submissions' = 'submission') {
  const sink = rememberingSink();
  const log = recordingLog();
  const smtp = createSmtpServer({
    config: testConfig({ channelBinding }),
    directory: fakeDirectory(),
    sink,
    resolver: noNames,
    coordination: new LocalCoordination(systemClock),
    spool: memorySpool(),
    hasRoom: async () => true,
    clock: systemClock,
    random: systemRandom,
    log,
  });
  const rooms = { clock: systemClock, random: systemRandom, secureContext: testSecureContext };
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    void smtp.accept(kind, new SocketConnection(socket, rooms));
  });
  t.after(() => smtp.drain());
  return { port: await portOf(t, server), sink };
}

interface Login {
  /** One address only, so that the verdict is that host's. */
  readonly host?: string;
  readonly password?: string;
  readonly implicitTls?: boolean;
  readonly trusted?: boolean;
}

/** One attempt at delivery by way of `localhost:port`, with a login. */
async function relay(
  t: TestContext,
  port: number,
  { password = PASSWORD, trusted = true, host = '127.0.0.1', implicitTls = false }: Login = {},
): Promise<Verdict> {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'password'), `${password}\n`);
  writeFileSync(join(folder, 'ca.pem'), testCertificate().certificate);
  const delivery = {
    smarthost: { protocol: 'smtp', host, port, ...(implicitTls && { implicitTls: true as const }) },
    smarthostUser: 'bob@beta.test',
    smarthostPasswordFile: join(folder, 'password'),
    ...(trusted && { smarthostCertificates: join(folder, 'ca.pem') }),
  } as const;
  const config = { delivery } as unknown as Config;
  const pool = new ConnectionPool({
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    hostname: 'us.test',
    smarthostLogin: () => readSmarthostLogin(config),
  });
  t.after(() => pool.close(true));
  const address = { localPart: 'far', domain: 'far.test' };
  const entry: QueueEntry = {
    id: 'q1',
    deliveryId: 'd1',
    reversePath: { localPart: 'bob', domain: 'beta.test' },
    bodyType: '7bit',
    smtputf8: false,
    arrivedAt: 0,
    expiresAt: 1,
    held: false,
    size: CONTENT.length,
    recipients: [{ address, index: 0, state: 'pending', attempts: 0, nextAttemptAt: 0 }],
  };
  const rules = { lmtpPath: '', routes: {}, smarthost: delivery.smarthost, smarthostLogin: true };
  const destination = await destinationOf(address, { ...rules, isLocalDomain: async () => false });
  const [verdict] = await attempt(entry, entry.recipients, destination, {
    clock: systemClock,
    log: silentLog,
    pool,
    routing: {
      resolver: noNames,
      ownNames: new Set(),
      ownAddresses: new Set(),
      allowLoopback: false,
      fraction: Math.random,
      port: 25,
    },
    source: {
      async *content() {
        yield Buffer.from(CONTENT);
      },
    },
  });
  assert.ok(verdict);
  return verdict;
}

for (const [name, channelBinding] of [
  ['SCRAM-SHA-256', 0],
  ['SCRAM-SHA-256-PLUS', 1],
] as const) {
  test(`a login by ${name}, and mail that only users may send`, async (t) => {
    const { port, sink } = await ours(t, channelBinding);
    assert.equal((await relay(t, port, { host: 'localhost' })).kind, 'relayed');
    const content = sink.messages[0]?.content;
    assert.ok(content !== undefined && 'data' in content);
    assert.match(Buffer.from(content.data).toString(), /with ESMTPSA/);
  });

  test(`a wrong password at ${name} makes mail wait and nothing bounce`, async (t) => {
    const { port, sink } = await ours(t, channelBinding);
    const { kind, reply } = await relay(t, port, { password: 'wrong' });
    assert.equal(kind, 'deferred');
    assert.match(reply.lines[0] ?? '', /535/);
    assert.equal(sink.messages.length, 0);
  });
}

test('RFC 8314: with TLS from the first octet', async (t) => {
  const { port, sink } = await ours(t, 1, 'submissions');
  assert.equal((await relay(t, port, { implicitTls: true })).kind, 'relayed');
  assert.equal((await relay(t, port, { implicitTls: true, trusted: false })).kind, 'deferred');
  assert.equal(sink.messages.length, 1);
});

test('no password goes to a host whose certificate nobody vouches for', async (t) => {
  const { port, sink } = await ours(t, 0);
  assert.equal((await relay(t, port, { trusted: false })).kind, 'deferred');
  assert.equal(sink.messages.length, 0);
});

test('smtp-server takes PLAIN and LOGIN; and nothing goes in the clear where it has no STARTTLS', async (t) => {
  const { certificate, key } = testCertificate();
  for (const [method, clear] of [
    ['PLAIN', false],
    ['LOGIN', false],
    ['PLAIN', true],
  ] as const) {
    const logins: string[] = [];
    const server = new SMTPServer({
      cert: certificate,
      key,
      logger: false,
      authMethods: [method],
      allowInsecureAuth: true,
      ...(clear && { hideSTARTTLS: true }),
      onAuth(auth, _, done) {
        logins.push(`${auth.method} ${auth.username} ${auth.password}`);
        done(null, { user: 'bob' });
      },
      onData(stream, _, done) {
        stream.resume();
        stream.on('end', () => done());
      },
    });
    server.on('error', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    t.after(() => server.close());
    const { kind } = await relay(t, (server.server.address() as AddressInfo).port);
    assert.equal(kind, clear ? 'deferred' : 'relayed');
    assert.deepEqual(logins, clear ? [] : [`${method} bob@beta.test ${PASSWORD}`]);
  }
});
