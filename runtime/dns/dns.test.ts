import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { AUTHENTIC_DATA, decode, encode, type Packet } from 'dns-packet';
import fc from 'fast-check';
import { FakeClock } from '#test/support/clock.ts';
import { systemClock, systemRandom } from '../system.ts';
import { DnsCache } from './cache.ts';
import { canBeAsked, reverseName } from './names.ts';
import { parseResolvConf } from './resolv-conf.ts';
import { DnsFailure, type Resolver } from './resolver.ts';
import { type DnsResponder, startDnsResponder } from './responder.ts';
import { createStubResolver, type StubResolverOptions } from './stub-resolver.ts';
import { type Zone, zonesOf } from './zones.ts';

const ZONES: readonly Zone[] = [
  {
    origin: 'alpha.test',
    ttl: 120,
    records: {
      'alpha.test': [
        { type: 'MX', preference: 20, exchange: 'b.mx.alpha.test' },
        { type: 'MX', preference: 10, exchange: 'a.mx.alpha.test' },
        { type: 'TXT', text: `v=spf1 ${'x'.repeat(300)}` },
      ],
      'a.mx.alpha.test': [
        { type: 'A', address: '192.0.2.1' },
        { type: 'A', address: '192.0.2.2' },
        { type: 'AAAA', address: '2001:db8::1' },
      ],
      'null.alpha.test': [{ type: 'MX', preference: 0, exchange: '' }],
      'www.alpha.test': [{ type: 'CNAME', name: 'a.mx.alpha.test' }],
      'far.alpha.test': [{ type: 'CNAME', name: 'elsewhere.beta.test' }],
      'loop.alpha.test': [{ type: 'CNAME', name: 'pool.alpha.test' }],
      'pool.alpha.test': [{ type: 'CNAME', name: 'loop.alpha.test' }],
      'big.alpha.test': Array.from({ length: 200 }, (_, i) => ({ type: 'A' as const, address: `10.0.0.${i}` })),
    },
  },
  { origin: 'beta.test', records: { 'elsewhere.beta.test': [{ type: 'A', address: '192.0.2.9' }] } },
  { origin: '2.0.192.in-addr.arpa', records: { '1.2.0.192.in-addr.arpa': [{ type: 'PTR', name: 'A.mx.alpha.test' }] } },
];

async function setUp(
  t: TestContext,
  options: Partial<StubResolverOptions> = {},
): Promise<{ resolver: Resolver; responder: DnsResponder }> {
  const responder = await startDnsResponder({ host: '127.0.0.1', port: 0, zones: ZONES });
  t.after(() => responder.close());
  const servers = [responder.address];
  return { responder, resolver: createStubResolver({ servers, clock: systemClock, random: systemRandom, ...options }) };
}

/** A server that answers each question by UDP with whatever the test makes of it. */
async function rogue(
  t: TestContext,
  answer: (query: Packet, bytes: Buffer) => (Buffer | Packet)[],
): Promise<{ host: string; port: number }> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  socket.on('message', (bytes, from) => {
    for (const reply of answer(decode(bytes), bytes)) {
      socket.send(Buffer.isBuffer(reply) ? reply : encode(reply), from.port, from.address);
    }
  });
  return { host: '127.0.0.1', port: socket.address().port };
}

const resolverFor = (servers: StubResolverOptions['servers'], more: Partial<StubResolverOptions> = {}): Resolver =>
  createStubResolver({ servers, clock: systemClock, random: systemRandom, timeoutMs: 150, ...more });

const goodAnswer = (query: Packet, address = '192.0.2.7', more: Partial<Packet> = {}): Packet => {
  const [question] = query.questions ?? [];
  return {
    type: 'response',
    id: query.id ?? 0,
    flags: 0,
    questions: query.questions ?? [],
    answers: [{ type: 'A', name: question?.name ?? '', ttl: 60, data: address }],
    ...more,
  };
};

const failsWith = (code: DnsFailure['code']) => (error: unknown) => error instanceof DnsFailure && error.code === code;

test('every kind of record comes back as it stands in the zone', async (t) => {
  const { resolver } = await setUp(t);
  const mx = await resolver.mx('Alpha.TEST.');
  assert.deepEqual(mx.records, [
    { preference: 10, exchange: 'a.mx.alpha.test' },
    { preference: 20, exchange: 'b.mx.alpha.test' },
  ]);
  assert.equal(mx.status, 'ok');
  assert.equal(mx.ttl, 120);
  assert.deepEqual((await resolver.a('a.mx.alpha.test')).records, ['192.0.2.1', '192.0.2.2']);
  assert.deepEqual((await resolver.aaaa('a.mx.alpha.test')).records, ['2001:db8::1']);
  assert.deepEqual((await resolver.txt('alpha.test')).records, [`v=spf1 ${'x'.repeat(300)}`]);
  assert.deepEqual((await resolver.ptr('192.0.2.1')).records, ['a.mx.alpha.test']);
  assert.equal((await resolver.ptr('192.0.2.77')).status, 'nodata');
});

test('the null MX is an empty exchange (RFC 7505 §3)', async (t) => {
  const { resolver } = await setUp(t);
  assert.deepEqual((await resolver.mx('null.alpha.test')).records, [{ preference: 0, exchange: '' }]);
});

test('a name that does not exist is told from one without such a record', async (t) => {
  const { resolver } = await setUp(t);
  assert.equal((await resolver.a('nowhere.alpha.test')).status, 'nxdomain');
  assert.equal((await resolver.mx('a.mx.alpha.test')).status, 'nodata');
  assert.equal((await resolver.mx('mx.alpha.test')).status, 'nodata', 'it stands above a name (RFC 8020)');
  assert.equal((await resolver.a(`${'x'.repeat(64)}.test`)).status, 'nxdomain');
});

test('a name outside all zones is refused, which is temporary', async (t) => {
  const { resolver } = await setUp(t);
  await assert.rejects(resolver.a('example.org'), failsWith('refused'));
});

test('aliases are followed, into other zones too, and loops end', async (t) => {
  const { resolver } = await setUp(t);
  assert.deepEqual((await resolver.a('www.alpha.test')).records, ['192.0.2.1', '192.0.2.2']);
  assert.deepEqual((await resolver.a('far.alpha.test')).records, ['192.0.2.9']);
  await assert.rejects(resolver.a('loop.alpha.test'), DnsFailure);
});

test('a truncated answer is fetched by TCP', async (t) => {
  const { resolver, responder } = await setUp(t);
  assert.equal((await resolver.a('big.alpha.test')).records.length, 200);
  assert.deepEqual(responder.questions, ['A big.alpha.test', 'A big.alpha.test']);
});

test('answers are kept for their TTL, negative ones for the SOA minimum (RFC 2308 §5)', async (t) => {
  const clock = new FakeClock();
  const { resolver, responder } = await setUp(t, { clock });
  const asked = () => responder.questions.length;
  await resolver.a('a.mx.alpha.test');
  await resolver.a('nowhere.alpha.test');
  await clock.advance(60_000);
  assert.equal((await resolver.a('A.MX.alpha.test')).ttl, 60);
  assert.equal((await resolver.a('nowhere.alpha.test')).status, 'nxdomain');
  assert.equal(asked(), 2);
  await clock.advance(60_001);
  await resolver.a('a.mx.alpha.test');
  await resolver.a('nowhere.alpha.test');
  assert.equal(asked(), 4);
});

test('many who ask the same at once make one question', async (t) => {
  const { resolver, responder } = await setUp(t);
  await Promise.all(Array.from({ length: 50 }, () => resolver.mx('alpha.test')));
  assert.deepEqual(responder.questions, ['MX alpha.test']);
});

test('answers with a wrong id, question or sender are not believed; the right one after them is', async (t) => {
  const server = await rogue(t, (query) => {
    const forged = '203.0.113.66';
    return [
      goodAnswer({ ...query, id: ((query.id ?? 0) + 1) % 65_536 }, forged),
      goodAnswer({ ...query, questions: [{ type: 'A', name: 'other.test' }] }, forged),
      goodAnswer({ ...query, questions: [{ type: 'TXT', name: query.questions?.[0]?.name ?? '' }] }, forged),
      { ...goodAnswer(query, forged), type: 'query' },
      goodAnswer(query),
    ];
  });
  assert.deepEqual((await resolverFor([server]).a('victim.test')).records, ['192.0.2.7']);
});

test('records for another name than the one asked for are not believed', async (t) => {
  const server = await rogue(t, (query) => [
    goodAnswer(query, '', { answers: [{ type: 'A', name: 'bank.test', ttl: 60, data: '203.0.113.66' }] }),
  ]);
  assert.equal((await resolverFor([server]).a('victim.test')).status, 'nodata');
});

test('one answer with aliases in a circle, or with more than anybody needs, is trouble and not "no data"', async (t) => {
  const alias = (name: string, data: string) => ({ type: 'CNAME', name, ttl: 60, data }) as const;
  const circle = [alias('victim.test', 'a.test'), alias('a.test', 'b.test'), alias('b.test', 'victim.test')];
  const chain = Array.from({ length: 20 }, (_, n) => alias(n === 0 ? 'long.test' : `n${n}.test`, `n${n + 1}.test`));
  const server = await rogue(t, (query) => [goodAnswer(query, '', { answers: [...circle, ...chain] })]);
  await assert.rejects(resolverFor([server], { rounds: 1 }).a('victim.test'), failsWith('malformed'));
  await assert.rejects(resolverFor([server], { rounds: 1 }).a('long.test'), failsWith('malformed'));
});

test('an answer that folds the case of the name is asked again by TCP, and fails where there is none', async (t) => {
  const server = await rogue(t, (query) => {
    const name = 'abcdefghijklmnopqrstuvwxyz.test';
    return [goodAnswer({ ...query, questions: [{ type: 'A', name }] })];
  });
  await assert.rejects(resolverFor([server], { rounds: 1 }).a('abcdefghijklmnopqrstuvwxyz.test'), DnsFailure);
});

test('the AD bit is kept, and believed from a trusted server only', async (t) => {
  const server = await rogue(t, (query) => [goodAnswer(query, '192.0.2.7', { flags: AUTHENTIC_DATA })]);
  assert.equal((await resolverFor([server]).a('signed.test')).authentic, true);
  assert.equal((await resolverFor([server], { trusts: () => false }).a('signed.test')).authentic, false);
});

test('a server that is silent or fails is passed over for the next, which is then asked first', async (t) => {
  let silent = 0;
  let failing = 0;
  const servers = [
    await rogue(t, () => {
      silent++;
      return [];
    }),
    await rogue(t, (query) => {
      failing++;
      return [goodAnswer(query, '', { flags: 2, answers: [] })];
    }),
    await rogue(t, (query) => [goodAnswer(query)]),
  ];
  const resolver = resolverFor(servers);
  assert.equal((await resolver.a('one.test')).status, 'ok');
  assert.equal((await resolver.a('two.test')).status, 'ok');
  assert.deepEqual([silent, failing], [1, 1]);
});

test('when no server answers, it is a timeout, and not asked again at once', async (t) => {
  let asked = 0;
  const server = await rogue(t, () => {
    asked++;
    return [];
  });
  const resolver = resolverFor([server], { timeoutMs: 30 });
  await assert.rejects(resolver.mx('quiet.test'), failsWith('timeout'));
  await assert.rejects(resolver.mx('quiet.test'), failsWith('timeout'));
  assert.equal(asked, 2, 'two rounds, and then what is remembered');
});

test('no bytes that a server sends make more of the resolver than a failure', async (t) => {
  const samples = fc.sample(fc.uint8Array({ minLength: 0, maxLength: 80 }), { numRuns: 60, seed: 7 });
  let next = 0;
  const server = await rogue(t, (query, bytes) => {
    const noise = Buffer.from(samples[next++ % samples.length] ?? []);
    // The head of the question, as an answer, so that the rest is looked at.
    const head = Buffer.from(bytes.subarray(0, 12));
    head[2] = 0x80;
    head.writeUInt16BE(3, 6);
    return [Buffer.concat([head, bytes.subarray(12, 12 + (query.questions?.[0]?.name.length ?? 0) + 6), noise])];
  });
  const resolver = resolverFor([server], { rounds: 1, timeoutMs: 40 });
  const outcomes = await Promise.allSettled(samples.map((_, i) => resolver.a(`n${i}.test`)));
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof DnsFailure, String(outcome.reason));
  }
});

test('zonesOf() gives each peer an MX, an address and a name for it', async (t) => {
  const zones = zonesOf(
    new Map([
      ['alpha.test', '127.0.0.1'],
      ['beta.test', '127.0.0.2'],
    ]),
  );
  const { resolver, responder } = await setUp(t);
  responder.setZones(zones);
  assert.deepEqual((await resolver.mx('beta.test')).records, [{ preference: 10, exchange: 'mx.beta.test' }]);
  assert.deepEqual((await resolver.a('mx.beta.test')).records, ['127.0.0.2']);
  assert.deepEqual((await resolver.ptr('127.0.0.2')).records, ['mx.beta.test']);
  assert.equal((await resolver.aaaa('mx.beta.test')).status, 'nodata');
});

test('the cache is bounded', () => {
  const cache = new DnsCache<number>(new FakeClock(), 3);
  for (let i = 0; i < 10; i++) cache.set(`k${i}`, i, 60);
  assert.deepEqual([cache.get('k6')?.value, cache.get('k7')?.value, cache.get('k9')?.value], [undefined, 7, 9]);
});

test('names, reverse names and resolv.conf', () => {
  assert.equal(reverseName('192.0.2.1'), '1.2.0.192.in-addr.arpa');
  assert.equal(
    reverseName('2001:db8::567:89ab'),
    'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
  );
  assert.ok(canBeAsked('_dmarc.example.org'));
  for (const wrong of ['', 'a..b', 'a b.test', `${'a.'.repeat(130)}test`])
    assert.equal(canBeAsked(wrong), false, wrong);
  assert.deepEqual(parseResolvConf('# x\nnameserver 9.9.9.9\n nameserver ::1 # y\nsearch a\nnameserver nonsense\n'), [
    { host: '9.9.9.9', port: 53 },
    { host: '::1', port: 53 },
  ]);
  assert.deepEqual(parseResolvConf(''), [{ host: '127.0.0.1', port: 53 }]);
});
