import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { type Answer, DnsFailure, type Resolver } from '#runtime/dns/resolver.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import type { QueueEntry, QueueRecipient } from '#store/queue.ts';
import { testCertificate } from '#test/support/certificate.ts';
import { silentLog } from '#test/support/log.ts';
import {
  greet,
  type PeerPlace,
  play,
  type Scene,
  type ScriptedPeer,
  type Step,
  scriptedPeer,
} from '#test/support/scripted-peer.ts';
import type { Destination } from '../routing/destination.ts';
import { type AttemptContext, attempt } from './attempt.ts';
import { ConnectionPool } from './connection-pool.ts';
import type { Verdict } from './verdict.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const text = 'Subject: x\r\n\r\nhello\r\n';

/** The domain x.test is served by the loopback addresses 127.0.0.1, .2, … at one port, in this order. */
function world(port: number, hosts = 1, content = text): AttemptContext {
  const answer = async <T>(records: readonly T[]): Promise<Answer<T>> => ({
    status: records.length > 0 ? 'ok' : 'nodata',
    records,
    authentic: false,
    ttl: 1,
  });
  const resolver: Resolver = {
    mx: (domain) =>
      domain === 'broken.test'
        ? Promise.reject(new DnsFailure('servfail', 'no'))
        : answer(Array.from({ length: hosts }, (_, i) => ({ preference: i, exchange: `mx${i + 1}.test` }))),
    a: (name) => answer([`127.0.0.${/\d+/.exec(name)?.[0] ?? 1}`]),
    aaaa: () => answer<string>([]),
    txt: () => answer<string>([]),
    ptr: () => answer<string>([]),
  };
  const log = silentLog;
  const quick = { connect: 1000, greeting: 300, command: 300, mail: 300, rcpt: 300, data: 300, final: 300, quit: 200 };
  const pool = new ConnectionPool({
    clock: systemClock,
    random: systemRandom,
    log,
    hostname: 'us.test',
    timeouts: quick,
  });
  cleanups.push(() => pool.close(true));
  return {
    clock: systemClock,
    log,
    pool,
    routing: {
      resolver,
      ownNames: new Set(),
      ownAddresses: new Set(),
      allowLoopback: true,
      fraction: Math.random,
      port,
    },
    source: {
      async *content(_id, start = 0, end = Buffer.byteLength(content)) {
        yield Buffer.from(content).subarray(start, end);
      },
    },
  };
}

function entry(more: Partial<QueueEntry> = {}, ...localParts: string[]): QueueEntry {
  const recipients = (localParts.length > 0 ? localParts : ['b']).map(
    (localPart, index): QueueRecipient => ({
      address: { localPart, domain: 'x.test' },
      index,
      state: 'pending',
      attempts: 0,
      nextAttemptAt: 0,
    }),
  );
  return {
    id: 'q1',
    deliveryId: 'd1',
    reversePath: { localPart: 'a', domain: 'us.test' },
    bodyType: '7bit',
    smtputf8: false,
    arrivedAt: 0,
    expiresAt: 1,
    held: false,
    size: text.length,
    recipients,
    ...more,
  };
}

const domain = { kind: 'domain', key: 'x.test', domain: 'x.test' } as const;
const run = (context: AttemptContext, e = entry(), to: Destination = domain): Promise<Verdict[]> =>
  attempt(e, e.recipients, to, context);
const shape = (verdicts: readonly Verdict[]): string[] =>
  verdicts.map((v) => `${v.index} ${v.kind} ${v.reply.code} ${v.remoteMta ?? 'us'}`).sort();

async function scripted(act: (scene: Scene) => Promise<void>, place?: PeerPlace): Promise<ScriptedPeer> {
  const peer = await scriptedPeer(act, place);
  cleanups.push(() => peer.close());
  return peer;
}

/** Hosts 127.0.0.1, .2, …, each with its own script, all on one port. */
async function hosts(...scripts: ((scene: Scene) => Promise<void>)[]): Promise<AttemptContext & { seen: string[] }> {
  const seen: string[] = [];
  const peer = await scripted(
    async (scene) => {
      const host = Number(scene.socket.localAddress?.split('.').at(-1));
      seen.push(`127.0.0.${host}`);
      await scripts[host - 1]!(scene);
    },
    { hosts: scripts.map((_, i) => `127.0.0.${i + 1}`) },
  );
  return { ...world(peer.port, scripts.length), seen };
}

async function foreign(options: SMTPServerOptions): Promise<number> {
  const server = new SMTPServer({ authOptional: true, disabledCommands: ['AUTH'], logger: false, ...options });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  cleanups.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return (server.server.address() as AddressInfo).port;
}

const transaction: Step[] = [/MAIL.*\r\n/, '250 ok', /RCPT.*\r\n/, '250 ok', /DATA\r\n/, '354 go', /\r\n\.\r\n/];
const taking = greet([], play(...transaction, '250 2.0.0 taken', /QUIT/));

test('mail is relayed to smtp-server with TLS, over a connection that is kept', async () => {
  const sessions = new Set<string>();
  const seen: string[] = [];
  const { certificate, key } = testCertificate();
  const port = await foreign({
    cert: certificate,
    key,
    onData(stream, session, done) {
      sessions.add(session.id);
      seen.push(`${session.secure}`);
      stream.resume();
      stream.on('end', () => done());
    },
  });
  const context = world(port);
  for (let i = 0; i < 3; i++) {
    const [verdict] = await run(context);
    assert.equal(verdict?.kind, 'relayed');
    assert.equal(verdict?.dsnPassedOn, false);
  }
  assert.deepEqual(seen, ['true', 'true', 'true']);
  assert.equal(sessions.size, 1);
});

test('RFC 7435: where TLS fails the mail goes in the clear over a new connection', async () => {
  const context = await hosts(async (scene) => {
    if (scene.index === 0) await greet(['STARTTLS'], play(/STARTTLS\r\n/, '220 go', /\x16/, 'this is no TLS'))(scene);
    else await greet(['STARTTLS'], play(...transaction, '250 ok', /QUIT/))(scene);
  });
  assert.deepEqual(shape(await run(context)), ['0 relayed 250 peer.test']);
  assert.deepEqual(context.seen, ['127.0.0.1', '127.0.0.1']);
});

test('a refused STARTTLS is no reason to leave', async () => {
  const context = await hosts(
    greet(['STARTTLS'], play(/STARTTLS\r\n/, '454 not now', ...transaction, '250 ok', /QUIT/)),
  );
  assert.deepEqual(shape(await run(context)), ['0 relayed 250 peer.test']);
  assert.equal(context.seen.length, 1);
});

// What the first host does; whether the second, which takes everything, is asked; and what comes of it.
const nextHost: [name: string, first: (scene: Scene) => Promise<void>, asked: boolean, expected: string][] = [
  ['refuses in its greeting', play('554 no'), true, '0 relayed 250 peer.test'],
  ['is busy', play('421 busy'), true, '0 relayed 250 peer.test'],
  ['hangs up at once', play(), true, '0 relayed 250 peer.test'],
  ['refuses EHLO and HELO', play('220 x', /EHLO/, '550 a', /HELO/, '550 b'), true, '0 relayed 250 peer.test'],
  ['says nothing', play(/never/), true, '0 relayed 250 peer.test'],
  ['refuses MAIL for good', greet([], play(/MAIL/, '550 5.7.1 policy', /QUIT/)), true, '0 relayed 250 peer.test'],
  ['defers RCPT', greet([], play(/MAIL/, '250 ok', /RCPT/, '450 later', /QUIT/)), true, '0 relayed 250 peer.test'],
  [
    'refuses RCPT for good',
    greet([], play(/MAIL/, '250 ok', /RCPT/, '550 5.1.1 who?', /QUIT/)),
    false,
    '0 refused 550 peer.test',
  ],
  ['says 421 at RCPT', greet([], play(/MAIL/, '250 ok', /RCPT/, '421 bye')), true, '0 relayed 250 peer.test'],
  [
    'refuses DATA for good',
    greet([], play(/MAIL/, '250 ok', /RCPT/, '250 ok', /DATA/, '554 no', /QUIT/)),
    false,
    '0 refused 554 peer.test',
  ],
  ['defers after the dot', greet([], play(...transaction, '451 later', /QUIT/)), false, '0 deferred 451 peer.test'],
  ['refuses after the dot', greet([], play(...transaction, '554 spam', /QUIT/)), false, '0 refused 554 peer.test'],
  ['is lost before the dot is answered', greet([], play(...transaction, 'reset')), false, '0 deferred 451 us'],
  ['stalls before the dot is answered', greet([], play(...transaction, /never/)), false, '0 deferred 451 us'],
  ['is lost at RCPT', greet([], play(/MAIL/, '250 ok', /RCPT/, 'reset')), true, '0 relayed 250 peer.test'],
  ['talks nonsense at MAIL', greet([], play(/MAIL/, 'what?', /never/)), true, '0 relayed 250 peer.test'],
];

for (const [name, first, asked, expected] of nextHost) {
  test(`the first host ${name}: the next is ${asked ? '' : 'not '}asked`, async () => {
    const context = await hosts(first, taking);
    assert.deepEqual(shape(await run(context)), [expected]);
    assert.equal(context.seen.includes('127.0.0.2'), asked);
  });
}

test('a host that may recover outweighs one that refuses for good', async () => {
  const context = await hosts(play('554 no'), play('421 busy'));
  assert.deepEqual(shape(await run(context)), ['0 deferred 421 mx2.test']);
  const both = await hosts(play('554 no'), play('554 no'));
  assert.deepEqual(shape(await run(both)), ['0 refused 554 mx2.test']);
});

test('503 to MAIL is no word about the message: it is tried again', async () => {
  const confused = greet([], play(/MAIL/, '503 5.5.1 already in transaction', /QUIT/));
  assert.deepEqual(shape(await run(await hosts(confused, confused))), ['0 deferred 503 peer.test']);
});

test('each recipient gets its own verdict, and those deferred go to the next host alone', async () => {
  const first = greet(
    [],
    play(
      /MAIL/,
      '250 ok',
      /RCPT TO:<b@.*\r\n/,
      '250 ok',
      /RCPT TO:<c@.*\r\n/,
      '550 no',
      /RCPT TO:<d@.*\r\n/,
      '452 later',
      /DATA/,
      '354 go',
      /\r\n\.\r\n/,
      '250 ok',
      /QUIT/,
    ),
  );
  const second = greet(
    [],
    play(
      /MAIL.*\r\n/,
      '250 ok',
      /^RCPT TO:<d@x\.test>\r\n/,
      '250 ok',
      /^DATA/,
      '354 go',
      /\r\n\.\r\n/,
      '250 ok',
      /QUIT/,
    ),
  );
  const verdicts = await run(await hosts(first, second), entry({}, 'b', 'c', 'd'));
  assert.deepEqual(shape(verdicts), ['0 relayed 250 peer.test', '1 refused 550 peer.test', '2 relayed 250 peer.test']);
});

test('many recipients go in transactions of a hundred', async () => {
  const sizes: number[] = [];
  const port = await foreign({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData(stream, session, done) {
      sizes.push(session.envelope.rcptTo.length);
      stream.resume();
      stream.on('end', () => done());
    },
  });
  const names = Array.from({ length: 230 }, (_, i) => `r${i}`);
  const verdicts = await run(world(port), entry({}, ...names));
  assert.deepEqual(sizes, [100, 100, 30]);
  assert.equal(verdicts.filter((v) => v.kind === 'relayed').length, 230);
});

test('a kept connection that died meanwhile is replaced without a word', async () => {
  const context = await hosts(async (scene) => {
    if (scene.index > 0) return taking(scene);
    await greet([], play(...transaction, '250 ok', /(RSET|MAIL)/, 'reset'))(scene);
  });
  assert.deepEqual(shape(await run(context)), ['0 relayed 250 peer.test']);
  assert.deepEqual(shape(await run(context)), ['0 relayed 250 peer.test']);
  assert.equal(context.seen.length, 2);
});

test('RFC 1870 §6: what is too large for a host is not sent', async () => {
  const context = await hosts(greet(['SIZE 10'], play(/QUIT/)));
  const [verdict] = await run(context);
  assert.deepEqual([verdict?.kind, verdict?.reply.code, verdict?.reply.enhanced], ['refused', 552, '3.4']);
});

test('RFC 6531 §3.2: a host without SMTPUTF8 does not get what needs it', async () => {
  const context = await hosts(greet([], play(/QUIT/)));
  const [verdict] = await run(context, entry({ smtputf8: true }, 'dörte'));
  assert.deepEqual([verdict?.kind, verdict?.reply.enhanced], ['refused', '6.7']);
  // Declared, but nothing in it needs it.
  const plain = await run(await hosts(taking), entry({ smtputf8: true }));
  assert.equal(plain[0]?.kind, 'relayed');
});

test('trouble with names and with the content is temporary', async () => {
  const broken: Destination = { kind: 'domain', key: 'broken.test', domain: 'broken.test' };
  assert.deepEqual(shape(await run(world(1), entry(), broken)), ['0 deferred 451 us']);
  const context = await hosts(greet([], play(/never/)));
  const source = {
    async *content(): AsyncIterable<Uint8Array> {
      yield Buffer.from('Subject: x\r\n');
      throw new Error('disk');
    },
  };
  assert.deepEqual(shape(await run({ ...context, source })), ['0 deferred 451 us']);
});

test('our own MDA gets the delivery id over its Unix socket', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'attempt-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const path = join(folder, 'lmtp.sock');
  const flight = /MAIL FROM:<a@us\.test> XDELIVERYID=d1\r\nRCPT TO:<b@x\.test>\r\nBDAT 21 LAST\r\n.*hello\r\n/s;
  const steps = [flight, '250 a\r\n250 b\r\n250 c', /QUIT/];
  const local: Destination = { kind: 'local', key: 'local', path };
  assert.deepEqual(shape(await run(world(1), entry(), local)), ['0 deferred 451 us']);
  await scripted(greet(['PIPELINING', 'CHUNKING'], play(...steps)), { path });
  assert.deepEqual(shape(await run(world(1), entry(), local)), ['0 delivered 250 peer.test']);
});

test('RFC 9422: recipients, messages and domains of a session as the peer has them', async () => {
  const sessions: string[][] = [];
  const peer = await scripted(async (scene) => {
    const said: string[] = [];
    sessions.push(said);
    await greet(['LIMITS MAILMAX=2 RCPTMAX=2 RCPTDOMAINMAX=1 FUTURE=3'], async () => {
      for (;;) {
        const [line = ''] = await scene.expect(/[^\n]*\r\n/);
        said.push(line.trim());
        if (line.startsWith('DATA')) {
          scene.say('354 go\r\n');
          await scene.expect(/\r\n\.\r\n/);
        }
        scene.say(line.startsWith('QUIT') ? '221 bye\r\n' : '250 ok\r\n');
        if (line.startsWith('QUIT')) return;
      }
    })(scene);
  });
  const context = world(peer.port);
  const all = entry({}, 'a', 'b', 'c', 'd', 'e');
  const recipients = all.recipients.map((r) =>
    r.index === 1 ? { ...r, address: { ...r.address, domain: 'y.test' } } : r,
  );
  const verdicts = await attempt({ ...all, recipients }, recipients, domain, context);
  assert.deepEqual(new Set(verdicts.map(({ kind }) => kind)), new Set(['relayed']));
  const asked = sessions.map((said) =>
    said.filter((line) => /^(MAIL|RCPT)/.test(line)).map((line) => line.slice(0, 11)),
  );
  assert.deepEqual(asked, [
    ['MAIL FROM:<', 'RCPT TO:<a@', 'RCPT TO:<c@', 'MAIL FROM:<', 'RCPT TO:<d@', 'RCPT TO:<e@'],
    ['MAIL FROM:<', 'RCPT TO:<b@'],
  ]);
});

test('RFC 6152 §3: smtp-server without 8BITMIME gets seven bits, which mean the same', async () => {
  const eight = `Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${'Grüße aus Köln, und noch viel mehr davon. '.repeat(5)}\r\n.\r\n`;
  let got = '';
  const port = await foreign({
    hide8BITMIME: true,
    hideSTARTTLS: true,
    onData(stream, _, done) {
      stream.on('data', (chunk: Buffer) => {
        got += chunk.toString('latin1');
      });
      stream.on('end', () => done());
    },
  });
  const [verdict] = await run(world(port, 1, eight), entry({ bodyType: '8bitmime', size: Buffer.byteLength(eight) }));
  assert.equal(verdict?.kind, 'relayed');
  assert.doesNotMatch(got, /[\x80-\xff]/);
  assert.equal((await simpleParser(got)).text, (await simpleParser(eight)).text);
});
