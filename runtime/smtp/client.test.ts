import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { ForwardPath } from '#mail/envelope.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import { testCertificate } from '#test/support/certificate.ts';
import { greet, play, type Scene, type Step, scriptedPeer } from '#test/support/scripted-peer.ts';
import { type ClientOptions, SmtpClient } from './client.ts';
import { ClientError, type OutgoingMessage, type TransactionResult } from './client-types.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const options: ClientOptions = { clock: systemClock, random: systemRandom, protocol: 'smtp', hostname: 'us.test' };

async function open(port: number, more: Partial<ClientOptions> = {}): Promise<SmtpClient> {
  const client = await SmtpClient.open({ host: '127.0.0.1', port }, { ...options, ...more });
  cleanups.push(() => client.destroy());
  return client;
}

async function peer(act: (scene: Scene) => Promise<void>): Promise<number> {
  const scripted = await scriptedPeer(act);
  cleanups.push(() => scripted.close());
  return scripted.port;
}

const recipient = (localPart: string): ForwardPath => ({ address: { localPart, domain: 'peer.test' } });
const text = 'Subject: x\r\n\r\n.dot\r\nlast\r\n';

function message(more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  const content = Buffer.from(text);
  return {
    reversePath: { localPart: 'a', domain: 'us.test' },
    recipients: [recipient('b')],
    bodyType: '7bit',
    smtputf8: false,
    size: content.length,
    content,
    ...more,
  };
}

/** `250@final` or `lost@content`. */
const shape = (result: TransactionResult): string[] =>
  result.recipients.map((r) => `${r.kind === 'reply' ? r.reply.code : 'lost'}@${r.stage}`);

const PIPE = ['PIPELINING', 'CHUNKING'];

test('a message goes to smtp-server by DATA with dot-stuffing, after STARTTLS', async () => {
  const got: string[] = [];
  const { certificate, key } = testCertificate();
  const server = await foreign({
    cert: certificate,
    key,
    onData(stream, session, done) {
      let body = '';
      stream.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      stream.on('end', () => {
        got.push(`${session.secure} ${session.envelope.rcptTo.map((r) => r.address).join()} ${body}`);
        done();
      });
    },
  });
  const client = await open(server);
  await client.startTls({ rejectUnauthorized: false });
  assert.equal(client.tls?.protocol, 'TLSv1.3');
  const recipients = [recipient('b'), recipient('c')];
  for (let i = 0; i < 3; i++)
    assert.deepEqual(shape(await client.send(message({ recipients }))), ['250@final', '250@final']);
  assert.deepEqual(got, Array(3).fill(`true b@peer.test,c@peer.test ${text}`));
  await client.quit();
});

async function foreign(more: SMTPServerOptions): Promise<number> {
  const server = new SMTPServer({ authOptional: true, disabledCommands: ['AUTH'], logger: false, ...more });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  cleanups.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return (server.server.address() as AddressInfo).port;
}

test('LMTP of smtp-server answers for each recipient', async () => {
  const server = await foreign({
    lmtp: true,
    onData(stream, session, done) {
      stream.resume();
      stream.on('end', () => {
        const answers = session.envelope.rcptTo.map((r) =>
          r.address.startsWith('full') ? Object.assign(new Error('full'), { responseCode: 452 }) : 'ok',
        );
        done(null, answers as never);
      });
    },
  });
  const client = await open(server, { protocol: 'lmtp' });
  const recipients = [recipient('b'), recipient('full'), recipient('c')];
  assert.deepEqual(shape(await client.send(message({ recipients }))), ['250@final', '452@final', '250@final']);
});

test('with PIPELINING and CHUNKING a message leaves in one flight, parameters as announced', async () => {
  const port = await peer(
    greet([...PIPE, 'SIZE 100000', '8BITMIME', 'DSN', 'SMTPUTF8'], async (scene) => {
      const flight = await scene.expect(/^MAIL FROM.*BDAT (\d+) LAST\r\n.*last\r\n/s);
      assert.equal(
        flight[0],
        'MAIL FROM:<a@us.test> SIZE=26 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+2B1 XDELIVERYID=d1\r\n' +
          'RCPT TO:<b@peer.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;B@old.test\r\n' +
          `BDAT 26 LAST\r\n${text}`,
      );
      scene.say('250 ok\r\n250 ok\r\n250 2.0.0 taken\r\n');
      await scene.expect(/QUIT/);
      scene.say('221 bye\r\n');
    }),
  );
  const client = await open(port);
  const result = await client.send(
    message({
      bodyType: '8bitmime',
      smtputf8: true,
      ret: 'hdrs',
      envelopeId: 'id+1',
      mailParameters: ['XDELIVERYID=d1'],
      recipients: [
        {
          ...recipient('b'),
          notify: { success: true, failure: false, delay: true },
          originalRecipient: { type: 'rfc822', address: 'B@old.test' },
        },
      ],
    }),
  );
  assert.deepEqual(shape(result), ['250@final']);
  assert.equal(result.dsnPassedOn, true);
  assert.equal(client.remoteName, 'peer.test');
  await client.quit();
});

test('many messages are under way at once on one connection, and a refused one harms no other', async () => {
  let inFlight = 0;
  const port = await peer(
    greet(PIPE, async (scene) => {
      // Answers only once three have arrived: they can't have waited for one another.
      await scene.expect(/last\r\n(.*last\r\n){2}/s);
      inFlight = 3;
      scene.say('250 ok\r\n250 ok\r\n250 one\r\n');
      scene.say('250 reset\r\n250 ok\r\n550 5.1.1 nobody\r\n503 no recipient\r\n');
      scene.say('250 reset\r\n250 ok\r\n250 ok\r\n250 three\r\n');
      await scene.expect(/QUIT/);
    }),
  );
  const client = await open(port, { protocol: 'lmtp' });
  const results = await Promise.all([1, 2, 3].map(() => client.send(message())));
  assert.equal(inFlight, 3);
  assert.deepEqual(results.map(shape), [['250@final'], ['550@rcpt'], ['250@final']]);
  assert.ok(client.usable);
});

for (const [name, extensions, refused] of [
  ['DATA', ['PIPELINING'], [/MAIL.*\r\n/, '250 ok\r\n250 ok', /DATA/, '354 go', /\r\n\.\r\n/, '550 5.1.1 nobody']],
  ['BDAT', PIPE, [/last/, '250 ok\r\n250 ok\r\n550 5.1.1 nobody']],
] satisfies [string, string[], Step[]][]) {
  test(`content refused after ${name}: RSET goes before the next message, for peers that keep the transaction`, async () => {
    const next = [/RSET\r\nMAIL.*\r\n/, '250 reset\r\n250 ok\r\n250 ok', /DATA|last/];
    const port = await peer(greet(extensions, play(...refused, ...next, '421 seen')));
    const client = await open(port, { timeouts: { mail: 1000, rcpt: 1000, data: 1000, final: 1000 } });
    assert.deepEqual(shape(await client.send(message())), ['550@final']);
    assert.match(shape(await client.send(message())).join(), /^421@(content|final)$/);
  });
}

test('a large message is chunked, waits for what is under way, and keeps what follows waiting', async () => {
  const big = Buffer.alloc(2_500_000, 'x');
  const sizes: string[] = [];
  const port = await peer(
    greet(PIPE, async (scene) => {
      await scene.expect(/MAIL.*last\r\n/s);
      scene.say('250 ok\r\n250 ok\r\n250 small\r\n');
      await scene.expect(/MAIL.*RCPT.*\r\n/s);
      scene.say('250 ok\r\n250 ok\r\n250 ok\r\n');
      for (;;) {
        const [, size = '', last] = await scene.expect(/BDAT (\d+)( LAST)?\r\n/);
        sizes.push(size);
        await scene.take(Number(size));
        scene.say('250 chunk\r\n');
        if (last !== undefined) break;
      }
      await scene.expect(/MAIL.*last\r\n/s);
      scene.say('250 ok\r\n250 ok\r\n250 small\r\n');
      await scene.expect(/QUIT/);
    }),
  );
  const client = await open(port);
  async function* content(): AsyncIterable<Uint8Array> {
    for (let at = 0; at < big.length; at += 60_000) yield big.subarray(at, at + 60_000);
  }
  const all = await Promise.all([
    client.send(message()),
    client.send(message({ size: big.length, content })),
    client.send(message()),
  ]);
  assert.deepEqual(all.map(shape), [['250@final'], ['250@final'], ['250@final']]);
  assert.deepEqual(sizes, ['1048576', '1048576', '402848']);
});

test('RFC 5321 §4.5.3.1.10: 552 at RCPT is read as 452, unless a mailbox is meant', async () => {
  const port = await peer(
    greet([], async (scene) => {
      await scene.expect(/MAIL.*\r\n/);
      scene.say('250 ok\r\n');
      for (const answer of ['250 ok', '552 too many', '552 5.2.2 full']) {
        await scene.expect(/RCPT.*\r\n/);
        scene.say(`${answer}\r\n`);
      }
      await scene.expect(/DATA\r\n/);
      scene.say('354 go\r\n');
      await scene.expect(/\r\n\.\.dot\r\nlast\r\n\.\r\n/);
      scene.say('250 ok\r\n');
      await scene.expect(/QUIT/);
    }),
  );
  const client = await open(port);
  const recipients = ['b', 'c', 'd'].map(recipient);
  assert.deepEqual(shape(await client.send(message({ recipients }))), ['250@final', '452@rcpt', '552@rcpt']);
});

const transaction: Step[] = [/MAIL.*\r\n/, '250 ok', /RCPT.*\r\n/, '250 ok', /RCPT.*\r\n/, '250 ok'];
const DOT = /\r\n\.\r\n/;
const NEVER = /never/;

// What the peer does after EHLO, what it announces, and what must come of it for two recipients.
const misbehaviour: [name: string, extensions: string[], steps: Step[], ...expected: [string, string]][] = [
  ['421 at MAIL', PIPE, [/MAIL/, '421 4.3.2 bye'], '421@mail', '421@mail'],
  ['421 at the second RCPT', PIPE, [/RCPT/, '250 ok\r\n250 ok\r\n421 bye'], '421@rcpt', '421@rcpt'],
  ['421 at DATA', [], [...transaction, /DATA/, '421 bye'], '421@content', '421@content'],
  ['421 after the dot', [], [...transaction, /DATA/, '354 go', DOT, '421 bye'], '421@final', '421@final'],
  ['refused MAIL', PIPE, [/last/, '550 5.7.1 no\r\n503 x\r\n503 x\r\n503 x', /QUIT/], '550@mail', '550@mail'],
  ['lost before MAIL is answered', PIPE, [/MAIL/], 'lost@mail', 'lost@mail'],
  [
    'reset before the dot is answered',
    [],
    [...transaction, /DATA/, '354 go', DOT, 'reset'],
    'lost@final',
    'lost@final',
  ],
  ['stall after the dot', [], [...transaction, /DATA/, '354 go', NEVER], 'lost@final', 'lost@final'],
  ['stall at MAIL', [], [NEVER], 'lost@mail', 'lost@mail'],
  ['nonsense', PIPE, [/MAIL/, 'hello world', NEVER], 'lost@mail', 'lost@mail'],
  ['an endless line', PIPE, [/MAIL/, `250 ${'x'.repeat(100_000)}`, NEVER], 'lost@mail', 'lost@mail'],
  ['endless lines', PIPE, [/MAIL/, '250-more\r\n'.repeat(20_000), NEVER], 'lost@mail', 'lost@mail'],
  ['354 to MAIL', PIPE, [/MAIL/, '354 go', NEVER], 'lost@mail', 'lost@mail'],
  [
    'LMTP that dies between two answers',
    PIPE,
    [/last/, '250 a\r\n250 b\r\n250 c\r\n250 first'],
    '250@final',
    'lost@final',
  ],
];

for (const [name, extensions, steps, ...expected] of misbehaviour) {
  test(`misbehaving peer: ${name}`, async () => {
    const port = await peer(greet(extensions, play(...steps)));
    const quick = { mail: 150, rcpt: 150, data: 150, final: 150 };
    const client = await open(port, { timeouts: quick, protocol: name.startsWith('LMTP') ? 'lmtp' : 'smtp' });
    const result = await client.send(message({ recipients: [recipient('b'), recipient('c')] }));
    assert.deepEqual(shape(result), expected);
    assert.equal(client.usable, name === 'refused MAIL');
  });
}

test('what goes wrong before the first transaction is a ClientError with its stage', async () => {
  const cases: [stage: string, code: number | undefined, ...steps: Step[]][] = [
    ['greeting', 554, '554 no'],
    ['greeting', 421, '421 busy'],
    ['greeting', undefined],
    ['greeting', undefined, NEVER],
    ['greeting', undefined, 'HTTP/1.1 400 Bad Request'],
    ['hello', 450, '220 x', /EHLO/, '450 later'],
    ['hello', 550, '220 x', /EHLO/, '550 a', /HELO/, '550 b'],
    ['hello', undefined, '220 x', /EHLO/, 'reset'],
  ];
  for (const [stage, code, ...steps] of cases) {
    const port = await peer(play(...steps));
    await assert.rejects(
      open(port, { timeouts: { greeting: 100, command: 100 } }),
      (error: unknown) => error instanceof ClientError && error.stage === stage && error.reply?.code === code,
      `${stage} ${code}`,
    );
  }
  await assert.rejects(open(1), { name: 'ClientError', stage: 'connect' });
});

test('an old server gets HELO, and no extensions', async () => {
  const port = await peer(async (scene) => {
    scene.say('220 old\r\n');
    await scene.expect(/EHLO us.test\r\n/);
    scene.say('500 what?\r\n');
    await scene.expect(/HELO us.test\r\n/);
    scene.say('250 old hello\r\n');
    await play(/MAIL/, '250 ok', /RCPT/, '250 ok', /DATA/, '354 go', DOT, '250 ok')(scene);
    await scene.expect(/QUIT/);
  });
  const client = await open(port);
  assert.deepEqual(shape(await client.send(message())), ['250@final']);
});

test('RFC 3207 §4.2: what was said in the clear behind the 220 is dropped, and EHLO is said anew', async () => {
  const port = await peer(
    greet(['STARTTLS'], async (scene) => {
      await scene.expect(/STARTTLS\r\n/);
      scene.say('220 go\r\n250 injected\r\n');
      await scene.expect(/never/);
    }),
  );
  const client = await open(port, { timeouts: { tls: 100 } });
  await assert.rejects(client.startTls({ rejectUnauthorized: false }), { name: 'ClientError', stage: 'starttls' });
  assert.equal(client.usable, false);
});

test('a peer that hangs up while idle makes the connection unusable', async () => {
  let hangUp: () => void = () => undefined;
  const port = await peer(
    greet([], async (scene) => {
      await play(/MAIL/, '250 ok', /RCPT/, '250 ok', /DATA/, '354 go', DOT, '250 ok')(scene);
      await new Promise<void>((resolve) => {
        hangUp = resolve;
      });
      scene.say('421 4.4.2 idle too long\r\n');
    }),
  );
  const client = await open(port);
  await client.send(message());
  assert.ok(client.usable);
  hangUp();
  while (client.usable) await new Promise((resolve) => setTimeout(resolve, 5));
});

test('content shorter than its size closes the connection and takes nothing for delivered', async () => {
  const port = await peer(
    greet(PIPE, async (scene) => {
      await scene.expect(/RCPT.*\r\n/);
      scene.say('250 ok\r\n250 ok\r\n');
      await scene.expect(/never/);
    }),
  );
  const client = await open(port);
  async function* content(): AsyncIterable<Uint8Array> {
    yield Buffer.from('x');
  }
  assert.deepEqual(shape(await client.send(message({ size: 10, content }))), ['lost@content']);
});

test('content of unknown size goes in chunks as it comes, and without a last one where its source fails', async () => {
  const heard: string[] = [];
  const port = await peer(
    greet([...PIPE, 'SIZE'], async (scene) => {
      heard.push((await scene.expect(/[\s\S]*RCPT.*\r\n/))[0]);
      scene.say('250 ok\r\n250 ok\r\n');
      for (const last of ['abc', 'de', 'LAST\r\n']) {
        heard.push((await scene.expect(new RegExp(`[\\s\\S]*${last}`)))[0]);
        scene.say('250 ok\r\n');
      }
      heard.push((await scene.expect(/[\s\S]*RCPT.*\r\n/))[0]);
      scene.say('250 ok\r\n250 ok\r\n');
      await scene.expect(/abc/);
      scene.say('250 ok\r\n');
      await scene.expect(/never/);
    }),
  );
  const client = await open(port);
  const { size: _, ...streamed } = message();
  async function* content(fails: boolean): AsyncIterable<Uint8Array> {
    yield Buffer.from('abc');
    if (fails) throw new Error('given up');
    yield Buffer.from('de');
  }
  assert.deepEqual(shape(await client.send({ ...streamed, content: () => content(false) })), ['250@final']);
  assert.doesNotMatch(heard[0] ?? '', /SIZE=/);
  assert.deepEqual(heard.slice(1), ['BDAT 3\r\nabc', 'BDAT 2\r\nde', 'BDAT 0 LAST\r\n']);
  assert.deepEqual(shape(await client.send({ ...streamed, content: () => content(true) })), ['lost@content']);
});
