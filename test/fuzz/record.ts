/**
 * `node test/fuzz/record.ts`: records what real clients say to our SMTP and IMAP servers and what servers say to our SMTP client, in the clear on
 * loopback, into `test/fixture/sessions/`. Programs that are not installed are passed over by name. Addresses, passwords and messages are made up.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { ImapFlow } from 'imapflow';
import { createTransport } from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { SmtpClient } from '#runtime/smtp/client.ts';
import { SocketConnection } from '#runtime/socket-connection.ts';
import { systemClock as clock, systemRandom as random } from '#runtime/system.ts';
import { silentLog as log } from '#test/support/log.ts';
import { ImapListener } from '../../imap-gateway/imap/listener.ts';
import { createSmtpServer } from '../../mta/server/listener.ts';
import { createWorldOf, PASSWORD as IMAP_PASSWORD } from '../dialog/imap/world.ts';
import { fakeDirectory, memorySpool, noNames, PASSWORD, rememberingSink, testConfig } from '../dialog/smtp/world.ts';

const FOLDER = join(import.meta.dirname, '../fixture/sessions');
const USER = 'bob@beta.test';
const READER = 'alice@alpha.test';
const MESSAGE = 'From: bob@beta.test\r\nTo: carol@beta.test\r\nSubject: recorded\r\n\r\n.\r\n..dots\r\nhällo\r\n';

const servers: Server[] = [];

async function listen(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

/** A port in front of another; what passes is kept and written when `act` is done. */
async function record(name: string, port: number, act: (port: number) => Promise<void>): Promise<void> {
  const said = { client: [] as Buffer[], server: [] as Buffer[] };
  const tap = await listen((client) => {
    const server = connect(port, '127.0.0.1');
    for (const socket of [client, server]) socket.on('error', () => socket.destroy());
    client.on('data', (chunk: Buffer) => said.client.push(chunk)).pipe(server);
    server.on('data', (chunk: Buffer) => said.server.push(chunk)).pipe(client);
  });
  try {
    await act(tap);
  } catch (error) {
    console.log(`${name}: passed over (${error instanceof Error ? error.message : String(error)})`);
    return;
  }
  for (const side of ['client', 'server'] as const) {
    writeFileSync(join(FOLDER, `${name}.${side}`), Buffer.concat(said[side]));
  }
  console.log(`${name}: ${Buffer.concat(said.client).length} and ${Buffer.concat(said.server).length} octets`);
}

async function program(command: string, args: readonly string[], input = ''): Promise<void> {
  const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'inherit'], timeout: 20_000 });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
}

async function smtpClients(port: number): Promise<void> {
  const to = 'carol@beta.test';
  await record('smtp-nodemailer', port, async (tap) => {
    const transport = createTransport({
      host: '127.0.0.1',
      port: tap,
      ignoreTLS: true,
      auth: { user: USER, pass: PASSWORD },
    });
    await transport.sendMail({
      from: USER,
      to: [to, 'jörg@beta.test'],
      subject: 'ümlaut',
      text: 'hällo',
      dsn: { id: 'x', return: 'full', notify: ['success'], recipient: USER },
    });
    transport.close();
  });
  const server = (tap: number): string => `127.0.0.1:${tap}`;
  await record('smtp-swaks', port, (tap) =>
    program('swaks', [
      '--server',
      '127.0.0.1',
      '--port',
      String(tap),
      '-f',
      USER,
      '-t',
      `${to},nobody@beta.test`,
      '-au',
      USER,
      '-ap',
      PASSWORD,
      '-a',
      'LOGIN',
      '--h-Subject',
      'x',
    ]),
  );
  await record('smtp-curl', port, (tap) =>
    program(
      'curl',
      [
        '-sS',
        `smtp://${server(tap)}/a.test`,
        '-u',
        `${USER}:${PASSWORD}`,
        '--mail-from',
        USER,
        '--mail-rcpt',
        to,
        '-T',
        '-',
      ],
      MESSAGE,
    ),
  );
  await record('smtp-msmtp', port, (tap) =>
    program(
      'msmtp',
      [
        '--host=127.0.0.1',
        `--port=${tap}`,
        '--auth=plain',
        `--user=${USER}`,
        `--passwordeval=echo ${PASSWORD}`,
        '--tls=off',
        `--from=${USER}`,
        '-C',
        '/dev/null',
        to,
      ],
      MESSAGE,
    ),
  );
  await record('smtp-python', port, (tap) =>
    program(
      'python3',
      ['-'],
      `import smtplib\ns = smtplib.SMTP('127.0.0.1', ${tap})\ns.ehlo('py.test')\ns.login('${USER}', '${PASSWORD}')\ns.noop()\ns.vrfy('x')\ns.sendmail('${USER}', ['${to}'], 'Subject: x\\n\\n.dot\\n')\ns.rset()\ns.quit()\n`,
    ),
  );
  await record('smtp-peerpost', port, (tap) => ownClient(tap));
}

async function ownClient(port: number): Promise<void> {
  const client = await SmtpClient.open(
    { host: '127.0.0.1', port },
    { clock, random, hostname: 'us.test', protocol: 'smtp' },
  );
  for (const bodyType of ['8bitmime', '7bit'] as const) {
    const recipients = ['bob', 'nobody'].map((localPart) => ({ address: { localPart, domain: 'beta.test' } }));
    const content = Buffer.from(MESSAGE);
    await client.send({ reversePath: null, recipients, bodyType, smtputf8: false, size: content.length, content });
  }
  await client.quit();
}

async function foreignServer(): Promise<void> {
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    hideSTARTTLS: true,
    onRcptTo: ({ address }, _, done) => done(address.startsWith('nobody') ? new Error('who?') : null),
    onData(stream, _, done) {
      stream.resume();
      stream.on('end', () => done());
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  await record('smtp-library', (server.server.address() as AddressInfo).port, ownClient);
  await new Promise<void>((resolve) => server.close(resolve));
}

async function imapClients(port: number): Promise<void> {
  await record('imap-imapflow', port, async (tap) => {
    const client = new ImapFlow({
      host: '127.0.0.1',
      port: tap,
      secure: false,
      doSTARTTLS: false,
      logger: false,
      auth: { user: READER, pass: IMAP_PASSWORD, loginMethod: 'AUTH=PLAIN' },
    });
    await client.connect();
    await client.append('INBOX', MESSAGE, ['\\Seen']);
    await client.mailboxOpen('INBOX');
    for await (const message of client.fetch('1:*', { envelope: true, bodyStructure: true, source: true, flags: true }))
      void message.uid;
    await client.search({ seen: true, header: { subject: 'x' } });
    await client.messageFlagsAdd('1', ['$Label']);
    await client.mailboxCreate('Ordner ü');
    await client.messageMove('1', 'Ordner ü');
    await client.list({ statusQuery: { messages: true } });
    await client.logout();
  });
  await record('imap-curl', port, (tap) => {
    const url = `imap://127.0.0.1:${tap}/INBOX?ALL`;
    return program('curl', ['-sS', '-o', '/dev/null', url, '-u', `${READER}:${IMAP_PASSWORD}`]);
  });
  const python = (tap: number): string =>
    `import imaplib\nm = imaplib.IMAP4('127.0.0.1', ${tap})\nm.login('${READER}', '${IMAP_PASSWORD}')\nm.create('a/b')\nm.append('INBOX', '', '"01-Jan-2026 00:00:00 +0000"', b'Subject: x\\r\\n\\r\\ny\\r\\n')\nm.select()\n` +
    `m.search(None, 'OR', 'SEEN', 'SUBJECT', '"x"')\nm.fetch('1', '(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)] RFC822.SIZE)')\nm.store('1', '+FLAGS', '(\\\\Deleted)')\nm.copy('1', 'a/b')\nm.expunge()\nm.status('a/b', '(MESSAGES UIDNEXT)')\nm.list()\nm.rename('a/b', 'c')\nm.close()\nm.logout()\n`;
  await record('imap-python', port, (tap) => program('python3', ['-'], python(tap)));
}

mkdirSync(FOLDER, { recursive: true });
const smtp = createSmtpServer({
  config: testConfig({}),
  directory: fakeDirectory(),
  sink: rememberingSink(),
  resolver: noNames,
  coordination: new LocalCoordination(clock),
  spool: memorySpool(),
  hasRoom: async () => true,
  clock,
  random,
  log,
});
await smtpClients(
  await listen((socket) => void smtp.accept('submission', new SocketConnection(socket, { clock, random }))),
);
await foreignServer();
const world = await createWorldOf(clock);
const gateway = new ImapListener(
  { coordination: world.coordination },
  { services: world.services, connectionsPerAddress: 50, channelBinding: false, exemptNetworks: ['127.0.0.0/8'] },
);
await imapClients(await listen((socket) => gateway.accept('imap', socket)));
await world.close();
for (const server of servers) server.close();
process.exit();
