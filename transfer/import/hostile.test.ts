/** A server that means harm: what it sends is bounded, however it sends it, and names of its mailboxes lead nowhere. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connectSource, type Source } from './source.ts';
import { targetsOf } from './targets.ts';

type Answer = (tag: string, socket: Socket, command: string) => Promise<void> | void;

/** Answers as a server does, but for the commands that it has its own answers to. */
async function hostile(t: TestContext, own: Readonly<Record<string, Answer>>, greeting?: Answer): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    if (greeting === undefined) socket.write('* OK hello\r\n');
    else void greeting('*', socket, '');
    let rest = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const [tag = '', verb = '', next = ''] = line.split(' ');
        const command = verb.toUpperCase() === 'UID' ? `UID ${next.toUpperCase()}` : verb.toUpperCase();
        const answer = own[command] ?? USUAL[command];
        if (answer === undefined) socket.write(`${tag} OK\r\n`);
        else void answer(tag, socket, line);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const USUAL: Readonly<Record<string, Answer>> = {
  CAPABILITY: (tag, socket) => void socket.write(`* CAPABILITY IMAP4rev1\r\n${tag} OK\r\n`),
  LIST: (tag, socket) => void socket.write(`* LIST () "/" INBOX\r\n${tag} OK\r\n`),
  LSUB: (tag, socket) => void socket.write(`* LSUB () "/" INBOX\r\n${tag} OK\r\n`),
  EXAMINE: (tag, socket) =>
    void socket.write(`* 2 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT 9]\r\n${tag} OK [READ-ONLY]\r\n`),
};

/** Goes on until the other side has had enough. */
async function pour(socket: Socket, piece: string | Buffer): Promise<void> {
  while (!socket.destroyed && socket.writable) {
    if (socket.write(piece)) await turn();
    else await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
  }
}

const connect = (port: number): Promise<Source> =>
  connectSource({ host: '127.0.0.1', port, secure: false, user: 'u' }, { password: 'p' });

const MEGABYTE = 'x'.repeat(1_048_576);

async function run(source: Source): Promise<void> {
  await source.mailboxes();
  const opened = await source.open('INBOX');
  await opened.messages();
  for await (const _ of opened.contents([1, 2]));
}

for (const [what, own] of [
  [
    'a message of four gigabytes',
    { 'UID FETCH': (_, s) => s.write('* 1 FETCH (UID 1 BODY[] {4294967296}\r\n') && pour(s, MEGABYTE) },
  ],
  [
    'a message that is larger than it was said',
    { 'UID FETCH': (_, s) => s.write('* 1 FETCH (UID 1 BODY[] {900000000}\r\n') && pour(s, MEGABYTE) },
  ],
  [
    'messages that nobody asked for',
    { 'UID FETCH': (_, s) => pour(s, `* 1 FETCH (UID 7 BODY[] {1048576}\r\n${MEGABYTE})\r\n`) },
  ],
  ['lines of no meaning', { 'UID FETCH': (_, s) => pour(s, `* OK ${'still here '.repeat(8_000)}\r\n`) }],
  ['a line without end', { FETCH: (_, s) => s.write('* 1 FETCH (UID 1 FLAGS (') && pour(s, 'x'.repeat(65_536)) }],
  [
    'a list without end',
    {
      LIST: (_, s) =>
        pour(s, Array.from({ length: 100 }, (__, i) => `* LIST () "/" "${'n'.repeat(900)}${i}"\r\n`).join('')),
    },
  ],
  [
    'a mailbox that is one long name',
    { LIST: (_, s) => s.write('* LIST () "/" {1000000000}\r\n') && pour(s, MEGABYTE) },
  ],
  [
    'parentheses without end',
    { FETCH: (_, s) => s.write('* 1 FETCH (UID 1 BODYSTRUCTURE ') && pour(s, '('.repeat(65_536)) },
  ],
  [
    'capabilities without end',
    { CAPABILITY: (_, s) => s.write('* CAPABILITY IMAP4rev1') && pour(s, ` X${'y'.repeat(60_000)}`) },
  ],
] as readonly [string, Readonly<Record<string, Answer>>][]) {
  test(`bounded: ${what}`, { timeout: 120_000 }, async (t) => {
    const port = await hostile(t, own);
    const before = process.memoryUsage().rss;
    await assert.rejects(
      async () => {
        const source = await connect(port);
        try {
          await run(source);
        } finally {
          await source.close();
        }
      },
      { name: 'MailError' },
    );
    const grown = (process.memoryUsage().rss - before) / 1_048_576;
    assert.ok(grown < 500, `${Math.round(grown)} MB`);
  });
}

test('bounded: a greeting without end', { timeout: 60_000 }, async (t) => {
  const port = await hostile(t, {}, (_, socket) => pour(socket, MEGABYTE));
  await assert.rejects(connect(port), { name: 'MailError' });
});

test('names of mailboxes lead nowhere', () => {
  const names = [
    '../../etc/passwd',
    '..',
    '.',
    '/',
    '//',
    'a/../../b',
    'a\0b',
    'a\r\nb',
    '~/x',
    '\u202efdp',
    '#news',
    '*',
    '%',
    '',
  ];
  const sources = names.map((path) => {
    const levels = path.split('/').filter((level) => level !== '');
    return { path, levels, subscribed: false };
  });
  for (const { name } of targetsOf(
    sources.filter(({ levels }) => levels.length > 0),
    [],
    false,
  )) {
    assert.doesNotMatch(name, /[\0-\x1f\x7f]|^\/|\/$|\/\//, name);
    assert.ok(name.length > 0);
  }
});
