/** The SMTP server on a real socket, with a foreign client: nodemailer, with TLS of both kinds and every mechanism that it has; and SCRAM with our own client. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { createTransport } from 'nodemailer';
import { scramClient } from '#mail/sasl/scram-client.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { SocketConnection } from '#runtime/socket-connection.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import { testSecureContext } from '#test/support/certificate.ts';
import { silentLog } from '#test/support/log.ts';
import { connectionPair } from '#test/support/memory-connection.ts';
import { createSmtpServer } from '../../../mta/server/listener.ts';
import type { ListenerKind, SmtpServices } from '../../../mta/server/services.ts';
import { fakeDirectory, memorySpool, noNames, PASSWORD, rememberingSink, testConfig } from './world.ts';

function services() {
  const sink = rememberingSink();
  const spool = memorySpool();
  const made: SmtpServices = {
    config: testConfig({ messageSize: 50_000_000 }),
    directory: fakeDirectory(),
    sink,
    resolver: noNames,
    coordination: new LocalCoordination(systemClock),
    spool,
    hasRoom: async () => true,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  };
  return { made, sink, spool };
}

async function withServer(
  kind: ListenerKind,
  run: (port: number, world: ReturnType<typeof services>) => Promise<void>,
): Promise<void> {
  const world = services();
  const smtp = createSmtpServer(world.made);
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    const options = { clock: systemClock, random: systemRandom, secureContext: testSecureContext };
    void smtp.accept(kind, new SocketConnection(socket, options));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await run((server.address() as AddressInfo).port, world);
  } finally {
    server.close();
    await smtp.drain();
  }
}

const bob = { user: 'bob@beta.test', pass: PASSWORD };

async function send(port: number, options: object, message: object): Promise<string> {
  const transport = createTransport({ host: '127.0.0.1', port, tls: { rejectUnauthorized: false }, ...options });
  try {
    const info = (await transport.sendMail({ from: 'bob@beta.test', to: 'carol@beta.test', ...message })) as {
      response: string;
    };
    return info.response;
  } finally {
    transport.close();
  }
}

test('nodemailer delivers to port 25 with STARTTLS', async () => {
  await withServer('smtp', async (port, { sink }) => {
    const response = await send(port, { requireTLS: true }, { subject: 'hi', text: '.\n..\nthree' });
    const [message] = sink.messages;
    assert.ok(message && 'data' in message.content);
    assert.match(response, new RegExp(`^250 2\\.0\\.0 .*${message.id}`));
    const text = Buffer.from(message.content.data).toString();
    assert.match(text, /^Received: from \S+ \(\[127\.0\.0\.1\]\)\r\n\tby mx\.beta\.test with ESMTPS id/);
    assert.match(text, /\r\n\r\n\.\r\n\.\.\r\nthree\r\n$/);
  });
});

for (const method of ['PLAIN', 'LOGIN']) {
  test(`nodemailer submits with AUTH ${method} on 465`, async () => {
    await withServer('submissions', async (port, { sink }) => {
      await send(
        port,
        { secure: true, auth: bob, authMethod: method },
        { to: 'far@far.test', subject: 'hi', text: 'x' },
      );
      assert.deepEqual(
        sink.messages.map((message) => message.local),
        [[false]],
      );
    });
  });
}

test('a wrong password is refused to nodemailer on 587', async () => {
  await withServer('submission', async (port) => {
    const wrong = { auth: { ...bob, pass: 'wrong' }, requireTLS: true };
    await assert.rejects(send(port, wrong, { text: 'x' }), { responseCode: 535 });
  });
});

test('25 MB arrive whole in a spool file', async () => {
  await withServer('smtp', async (port, { sink, spool }) => {
    const raw = Buffer.from(`Subject: dots\r\n\r\n${'..\r\n'.repeat(6_000_000)}`);
    await send(port, {}, { raw });
    const content = sink.messages[0]?.content;
    assert.ok(content && 'file' in content);
    const octets = spool.file(content.file);
    assert.equal(octets.length, content.size);
    assert.ok(octets.subarray(octets.length - raw.length).equals(raw));
  });
});

test('what is sent in one segment with STARTTLS is never answered, neither before nor behind the handshake', async () => {
  await withServer('smtp', async (port) => {
    const socket = connect(port, '127.0.0.1');
    assert.match(await lineOf(socket), /^220 /);
    socket.write('EHLO client.test\r\n');
    assert.match(await lineOf(socket), /STARTTLS/);
    socket.write('STARTTLS\r\nEHLO evil.test\r\nNOO');
    assert.equal(await lineOf(socket), '220 2.0.0 Go ahead\r\n');
    const secure = tlsConnect({ socket, rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    secure.write('MAIL FROM:<>\r\nQUIT\r\n');
    let answers = '';
    for await (const chunk of secure) answers += String(chunk);
    assert.match(answers, /^503 5\.5\.1 [^\r]*\r\n221 2\.0\.0 [^\r]*\r\n$/);
  });
});

async function lineOf(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

test('SCRAM-SHA-256 logs in, and a wrong password or user does not', async () => {
  assert.equal(await scram('bob@beta.test', PASSWORD), '235');
  assert.equal(await scram('bob@beta.test', 'wrong'), '535');
  assert.equal(await scram('nobody@beta.test', PASSWORD), '535');
});

async function scram(username: string, password: string): Promise<string> {
  const { made } = services();
  const { server, client } = connectionPair({ clock: systemClock, tls: true });
  const session = createSmtpServer(made).accept('submissions', server);
  const line = async (): Promise<string> =>
    Buffer.from((await client.read()) ?? [])
      .toString()
      .trim();
  await line();
  await client.write('EHLO client.test\r\n');
  await line();
  const exchange = scramClient({ username, password, random: (length) => systemRandom.bytes(length) });
  let step = await exchange.next(new Uint8Array(0));
  await client.write(`AUTH SCRAM-SHA-256 ${Buffer.from(step.value ?? []).toString('base64')}\r\n`);
  let answer = await line();
  while (answer.startsWith('334')) {
    step = await exchange.next(Buffer.from(answer.slice(4), 'base64'));
    await client.write(`${Buffer.from(step.value ?? []).toString('base64')}\r\n`);
    answer = await line();
  }
  client.destroy();
  await session;
  return answer.slice(0, 3);
}
