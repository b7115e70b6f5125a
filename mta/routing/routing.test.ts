import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, DnsFailure, type MxRecord, type Resolver } from '#runtime/dns/resolver.ts';
import { interleave } from './addresses.ts';
import { destinationOf, formatRoute } from './destination.ts';
import { type NextHops, nextHops, type RoutingOptions } from './next-hops.ts';

type Table = {
  mx?: Record<string, MxRecord[] | 'fail' | 'nxdomain'>;
  a?: Record<string, string[] | 'fail'>;
  aaaa?: Record<string, string[]>;
};

function resolver(table: Table): Resolver {
  const answer = async <T>(found: readonly T[] | string | undefined): Promise<Answer<T>> => {
    if (found === 'fail') throw new DnsFailure('servfail', 'no');
    if (typeof found === 'string') return { status: 'nxdomain', records: [], authentic: false, ttl: 1 };
    return { status: found ? 'ok' : 'nodata', records: found ?? [], authentic: false, ttl: 1 };
  };
  return {
    mx: (name) => answer<MxRecord>(table.mx?.[name]),
    a: (name) => answer<string>(table.a?.[name]),
    aaaa: (name) => answer<string>(table.aaaa?.[name]),
    txt: () => answer<string>(undefined),
    ptr: () => answer<string>(undefined),
  };
}

function options(table: Table, more: Partial<RoutingOptions> = {}): RoutingOptions {
  return {
    resolver: resolver(table),
    ownNames: new Set(['mx.self.test']),
    ownAddresses: new Set(['192.0.2.99']),
    allowLoopback: false,
    fraction: Math.random,
    port: 25,
    ...more,
  };
}

const to = (domain: string, o: RoutingOptions): Promise<NextHops> =>
  nextHops({ kind: 'domain', key: domain, domain }, o);
const mx = (...records: [number, string][]): MxRecord[] =>
  records.map(([preference, exchange]) => ({ preference, exchange }));

function addresses(found: NextHops): string[] {
  assert.equal(found.kind, 'hops', JSON.stringify(found));
  return found.kind === 'hops'
    ? found.hops.map((hop) => ('host' in hop.target ? hop.target.host : hop.target.path))
    : [];
}

function refusal(found: NextHops): string {
  assert.equal(found.kind, 'failed', JSON.stringify(found));
  return found.kind === 'failed' ? `${found.reply.code} ${found.reply.enhanced}` : '';
}

test('MX hosts come by preference, equals in random order', async () => {
  const a = { 'a.test': ['192.0.2.1'], 'b.test': ['192.0.2.2'], 'c.test': ['192.0.2.3'] };
  const table = { mx: { 'x.test': mx([20, 'c.test'], [10, 'a.test'], [10, 'b.test']) }, a };
  const seen = new Set<string>();
  for (let i = 0; i < 100; i++) seen.add(addresses(await to('x.test', options(table))).join());
  assert.deepEqual([...seen].sort(), ['192.0.2.1,192.0.2.2,192.0.2.3', '192.0.2.2,192.0.2.1,192.0.2.3']);
});

test('all addresses of a host are tried, families by turns', async () => {
  const table = {
    mx: { 'x.test': mx([10, 'a.test']) },
    a: { 'a.test': ['192.0.2.1', '192.0.2.2'] },
    aaaa: { 'a.test': ['2001:db8::1'] },
  };
  assert.deepEqual(addresses(await to('x.test', options(table))), ['2001:db8::1', '192.0.2.1', '192.0.2.2']);
  assert.deepEqual(interleave([], ['1', '2']), ['1', '2']);
});

test('a host with hundreds of addresses leaves room for the next', async () => {
  const many = Array.from({ length: 200 }, (_, i) => `198.51.100.${i}`);
  const table = { mx: { 'x.test': mx([1, 'a.test'], [2, 'b.test']) }, a: { 'a.test': many, 'b.test': ['192.0.2.2'] } };
  assert.deepEqual(addresses(await to('x.test', options(table))), [...many.slice(0, 4), '192.0.2.2']);
});

test('RFC 5321 §5.1: the domain itself counts only when it has no MX record', async () => {
  assert.deepEqual(addresses(await to('x.test', options({ a: { 'x.test': ['192.0.2.1'] } }))), ['192.0.2.1']);
  const withMx = { mx: { 'x.test': mx([10, 'gone.test']) }, a: { 'x.test': ['192.0.2.1'] } };
  assert.equal(refusal(await to('x.test', options(withMx))), '550 4.4');
  const broken = { mx: { 'x.test': 'fail' as const }, a: { 'x.test': ['192.0.2.1'] } };
  assert.equal(refusal(await to('x.test', options(broken))), '451 4.3');
});

test('a domain that does not exist is refused for good, one whose hosts cannot be looked up is not', async () => {
  assert.equal(refusal(await to('x.test', options({ mx: { 'x.test': 'nxdomain' } }))), '550 1.2');
  const broken = { mx: { 'x.test': mx([10, 'a.test']) }, a: { 'a.test': 'fail' as const } };
  assert.equal(refusal(await to('x.test', options(broken))), '451 4.3');
});

test('RFC 7505: null MX is refused at once, and ignored beside others', async () => {
  const a = { 'x.test': ['192.0.2.1'], 'a.test': ['192.0.2.2'] };
  assert.equal(refusal(await to('x.test', options({ mx: { 'x.test': mx([0, '']) }, a }))), '556 1.10');
  const mixed = { mx: { 'x.test': mx([0, ''], [10, 'a.test']) }, a };
  assert.deepEqual(addresses(await to('x.test', options(mixed))), ['192.0.2.2']);
});

test('RFC 5321 §5.1: we drop ourselves and whoever is not better', async () => {
  const a = { 'a.test': ['192.0.2.1'], 'b.test': ['192.0.2.2'], 'mx.self.test': ['192.0.2.99'] };
  const records = mx([10, 'a.test'], [20, 'mx.self.test'], [20, 'b.test'], [30, 'b.test']);
  assert.deepEqual(addresses(await to('x.test', options({ mx: { 'x.test': records }, a }))), ['192.0.2.1']);
  const best = mx([10, 'mx.self.test'], [20, 'b.test']);
  assert.equal(refusal(await to('x.test', options({ mx: { 'x.test': best }, a }))), '554 4.6');
});

test('loopback, own and impossible addresses are refused, in every spelling', async () => {
  const plain = [
    '127.0.0.1',
    '127.1.2.3',
    '::1',
    '0.0.0.0',
    '::',
    '192.0.2.99',
    '224.0.0.1',
    '169.254.169.254',
    'fe80::1',
  ];
  // Compatible, mapped, SIIT, NAT64, 6to4, Teredo's server and client, and our own address in one of them.
  const wrapped = [
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:0:127.0.0.1',
    '64:ff9b::127.0.0.1',
    '64:ff9b::c000:263',
    '2002:7f00:1::1',
    '2001:0:7f00:1::1',
    '2001:0:4136:e378:8000:63bf:80ff:fffe',
  ];
  for (const bad of [...plain, ...wrapped]) {
    const key = bad.includes(':') ? 'aaaa' : 'a';
    const table = { [key]: { 'x.test': [bad] } };
    assert.equal(refusal(await to('x.test', options(table))), '554 4.6', bad);
  }
  const table = { a: { 'x.test': ['127.0.0.2'] } };
  assert.deepEqual(addresses(await to('x.test', options(table, { allowLoopback: true }))), ['127.0.0.2']);
});

test('an MX record that spells an address as only some libraries read it is a name that does not exist', async () => {
  for (const host of [
    '127.1',
    '0177.0.0.1',
    '0x7f000001',
    '2130706433',
    '127.0.0.01',
    '[127.0.0.1]',
    '::ffff:7f00:1%lo',
  ]) {
    const found = await to('x.test', options({ mx: { 'x.test': mx([10, host]) } }));
    assert.match(refusal(found), /^55\d 4\.[46]/, host);
  }
  for (const host of ['127.0.0.1', '::ffff:127.0.0.1', 'localhost']) {
    assert.equal(refusal(await to('x.test', options({ mx: { 'x.test': mx([10, host]) } }))), '554 4.6', host);
  }
});

test('address literals go straight to the address', async () => {
  assert.deepEqual(addresses(await to('[192.0.2.7]', options({}))), ['192.0.2.7']);
  assert.deepEqual(addresses(await to('[IPv6:2001:db8::7]', options({}))), ['2001:db8::7']);
  assert.equal(refusal(await to('[127.0.0.1]', options({}))), '554 4.6');
  assert.equal(refusal(await to('[x:y]', options({}))), '550 1.2');
});

test('destinations: our domains, then static routes, then the smarthost, then MX', async () => {
  const route = { protocol: 'smtp', host: 'relay.test', port: 2525 } as const;
  const smarthost = { protocol: 'smtp', host: '127.0.0.1', port: 26 } as const;
  const rules = {
    lmtpPath: '/run/lmtp',
    routes: { 'routed.test': route },
    isLocalDomain: async (domain: string) => domain === 'here.test',
  };
  const key = async (domain: string, more = {}): Promise<string> =>
    (await destinationOf({ localPart: 'a', domain }, { ...rules, ...more })).key;
  assert.equal(await key('Here.test'), 'local');
  assert.equal(await key(''), 'local');
  assert.equal(await key('routed.test'), 'smtp://relay.test:2525');
  assert.equal(await key('far.test'), 'far.test');
  assert.equal(await key('far.test', { smarthost }), 'smtp://127.0.0.1:26');
  assert.equal(await key('toString'), 'toString'.toLowerCase());
  assert.equal(formatRoute({ protocol: 'lmtp', host: '', port: 0, path: '/x' }), 'lmtp:/x');
});

test('a static route may lead to this host', async () => {
  const route = { protocol: 'lmtp', host: 'localhost', port: 2424 } as const;
  const found = await nextHops({ kind: 'route', key: 'k', route }, options({}));
  assert.deepEqual(found, {
    kind: 'hops',
    hops: ['127.0.0.1', '::1'].map((host) => ({ protocol: 'lmtp', host: 'localhost', target: { host, port: 2424 } })),
  });
});
