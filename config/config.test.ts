import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from '#test/support/folder.ts';
import { exampleToml, referenceMarkdown } from './docs.ts';
import { formatConfig } from './format.ts';
import { initialConfig } from './init.ts';
import { loadConfig } from './load.ts';
import { parseConfig } from './parse.ts';
import { ConfigError, type Problem } from './problem.ts';
import { listenersOf, PROTOCOL_NAMES, PROTOCOLS } from './protocols.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

const options = { file: '/srv/mail/peerpost.toml', cores: 4 };
const parse = (text: string) => parseConfig(text, options);

function problemsOf(text: string): readonly Problem[] {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  assert.fail('the configuration was accepted');
}

test('parseConfig() fills in every default', () => {
  const config = parse('hostname = "MX.example.org"');
  assert.equal(config.hostname, 'mx.example.org');
  assert.equal(config.data, '/srv/mail');
  assert.equal(config.listeners.lmtpUnix, '/srv/mail/run/lmtp.sock');
  assert.deepEqual(config.listeners.smtp, []);
  assert.deepEqual(config.workers, { mta: 1, mda: 1, 'imap-gateway': 1 });
  assert.equal(config.delivery.expire, 5 * 86_400_000);
  assert.equal(config.delivery.delayNotice, 4 * 3_600_000);
  assert.equal(config.delivery.allowLoopback, false);
  assert.equal(config.limits.messageSize, 50 * 1024 * 1024);
  assert.equal(config.limits.lineLength, 16_384);
  assert.equal('user' in config, false);
  assert.equal('smarthost' in config.delivery, false);
});

test('parseConfig() reads every kind of value', () => {
  const config = parse(`
    hostname = "mx.example.org"
    data = "data/"
    user = "peerpost"
    workers = { mta = 2, imap-gateway = "auto" }
    [dns]
    servers = ["127.0.0.1:5300", "::1", "[2001:db8::1]:53"]
    [listeners]
    smtp = ["127.0.0.1:10025", "[::1]:10025"]
    imap = "*:143"
    submission = "off"
    lmtp-unix = "/run/peerpost/lmtp.sock"
    [delivery]
    retry = ["1s", "1h30m"]
    smarthost = "smtp://relay.example.org"
    allow-loopback = true
    [routes]
    "Beta.test" = "lmtp:///run/beta.sock"
    "gamma.test" = "smtp://[::1]:2525"
    "delta.test" = "smtps://d.test"
    [limits]
    message-size = 1000
    exempt-networks = ["10.0.0.0/8"]
    [log]
    level = "warn"
  `);
  assert.equal(config.data, '/srv/mail/data');
  assert.deepEqual(config.workers, { mta: 2, mda: 1, 'imap-gateway': 4 });
  assert.deepEqual(config.dns.servers, [
    { host: '127.0.0.1', port: 5300 },
    { host: '::1', port: 53 },
    { host: '2001:db8::1', port: 53 },
  ]);
  assert.deepEqual(config.listeners.imap, [{ host: '*', port: 143 }]);
  assert.equal(config.listeners.smtp[1]?.host, '::1');
  assert.deepEqual(config.delivery.retry, [1000, 5_400_000]);
  assert.deepEqual(config.delivery.smarthost, { protocol: 'smtp', host: 'relay.example.org', port: 25 });
  assert.deepEqual(config.routes['beta.test'], { protocol: 'lmtp', host: '', port: 0, path: '/run/beta.sock' });
  assert.deepEqual(config.routes['delta.test'], { protocol: 'smtp', host: 'd.test', port: 465, implicitTls: true });
  assert.deepEqual(config.routes['gamma.test'], { protocol: 'smtp', host: '::1', port: 2525 });
  assert.equal(config.limits.messageSize, 1000);
});

test('parseConfig() reports all problems at once, with key, found and expected', () => {
  const problems = problemsOf(`
    hostnam = "mx.example.org"
    workers = 0
    [delivery]
    retry = ["5x"]
    port = 70000
    allow-loopbak = true
    smarthost-user = "peer"
    [limits]
    message-size = "huge"
    expire = "5d"
    [tls]
    certificate = "cert.pem"
  `);
  const byKey = new Map(problems.map((problem) => [problem.key, problem]));
  assert.deepEqual([...byKey.keys()].sort(), [
    'delivery.allow-loopbak',
    'delivery.port',
    'delivery.retry',
    'delivery.smarthost-password-file',
    'hostnam',
    'hostname',
    'limits.expire',
    'limits.message-size',
    'tls.key',
    'workers',
  ]);
  assert.equal(byKey.get('hostnam')?.expected, 'hostname');
  assert.equal(byKey.get('delivery.allow-loopbak')?.expected, 'delivery.allow-loopback');
  assert.equal(byKey.get('limits.expire')?.expected, 'delivery.expire');
  assert.equal(byKey.get('limits.message-size')?.found, '"huge"');
  assert.match(byKey.get('delivery.port')?.expected ?? '', /1 to 65535/);
});

test('parseConfig() names line and column of text that is no TOML', () => {
  const [problem] = problemsOf('hostname = "a.test"\ndata = oops\n');
  assert.match(problem?.found ?? '', /line 2, column \d+/);
});

test('parseConfig() refuses protocols without a server, and two listeners on one port', () => {
  const problems = problemsOf('hostname = "a.test"\n[listeners]\nsieve = "*:4190"\nsmtp = "*:25"\nimap = "*:25"');
  assert.deepEqual(
    problems.map(({ key }) => key),
    ['listeners.imap', 'listeners.sieve'],
  );
  assert.match(problems[1]?.found ?? '', /not serve yet/);
});

test('initialConfig() yields a configuration with the standard ports', () => {
  const config = parse(initialConfig({ domain: 'example.org' }));
  assert.equal(config.hostname, 'mail.example.org');
  assert.deepEqual(config.listeners.smtp, [{ host: '*', port: 25 }]);
  assert.deepEqual(config.listeners.imaps, [{ host: '*', port: 993 }]);
  assert.deepEqual(config.listeners.lmtp, []);
  assert.deepEqual(config.listeners.pop3s, [{ host: '*', port: 995 }]);
  assert.deepEqual(config.listeners.sieve, []);
});

test('initialConfig() shifts every port by the port base, and takes what the demo needs', () => {
  const text = initialConfig({
    domain: 'beta.test',
    hostname: 'mx.beta.test',
    listen: '127.0.0.2',
    portBase: 10_000,
    dnsServers: [{ host: '127.0.0.1', port: 10_053 }],
    deliveryPort: 10_025,
    allowLoopback: true,
  });
  const config = parse(text);
  assert.equal(config.delivery.port, 10_025);
  assert.equal(config.delivery.allowLoopback, true);
  for (const protocol of PROTOCOL_NAMES) {
    const { port, program } = PROTOCOLS[protocol];
    const expected = program === undefined ? [] : [{ host: '127.0.0.2', port: 10_000 + port }];
    assert.deepEqual(config.listeners[protocol], expected, protocol);
  }
  assert.deepEqual(listenersOf(config).at(-1), { protocol: 'lmtp', path: '/srv/mail/run/lmtp.sock', tls: 'none' });
  assert.ok(listenersOf(config).some((l) => l.protocol === 'submissions' && l.tls === 'implicit'));
});

test('formatConfig() and parseConfig() are inverse', () => {
  const duration = fc.nat(10 ** 10).map((n) => n + 1);
  const size = fc.nat(10 ** 12);
  const endpoint = fc.record(
    {
      host: fc.oneof(fc.ipV4(), fc.constant('::1')),
      port: fc.integer({ min: 1, max: 65_535 }),
    },
    { noNullPrototype: true },
  );
  const base = parse('hostname = "a.test"');
  fc.assert(
    fc.property(
      fc.array(duration, { minLength: 1 }),
      duration,
      size,
      fc.array(endpoint),
      fc.boolean(),
      (retry, expire, bytes, servers, loopback) => {
        const config = {
          ...base,
          dns: { servers },
          routes: { 'x.test': { protocol: 'smtp' as const, host: 'y.test', port: 26 } },
          delivery: { ...base.delivery, retry, expire, allowLoopback: loopback },
          limits: { ...base.limits, messageSize: bytes },
        };
        assert.deepEqual(parse(formatConfig(config)), config);
      },
    ),
    { numRuns: 50 },
  );
});

test('a duration may be a number of seconds, and nothing else that is a number', () => {
  const { delivery } = parse('hostname = "mx.example.org"\n[delivery]\nretry = [1, 0.5, "2m"]\nexpire = 20');
  assert.deepEqual(delivery.retry, [1000, 500, 120_000]);
  assert.equal(delivery.expire, 20_000);
  assert.equal(problemsOf('hostname = "mx.example.org"\n[delivery]\nexpire = -1')[0]?.key, 'delivery.expire');
});

test('-0.0 is 0', () => {
  const { limits, delivery } = parse('hostname = "t"\n[limits]\nmessage-size = -0.0\n[delivery]\ndelay-notice = -0.0');
  assert.ok(Object.is(limits.messageSize, 0));
  assert.ok(Object.is(delivery.delayNotice, 0));
});

test('durations and sizes are read as they are written', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), (n) => parseDuration(formatDuration(n)) === n && parseSize(formatSize(n)) === n),
  );
  assert.equal(parseDuration('1h30m'), 5_400_000);
  assert.equal(parseDuration('250ms'), 250);
  for (const wrong of ['', '5', 'm', '5 m', '1m1h', '-5m', '1.5h'])
    assert.equal(parseDuration(wrong), undefined, wrong);
  assert.equal(parseSize('25MB'), 26_214_400);
  assert.equal(parseSize('1 KiB'), 1024);
  for (const wrong of ['', 'MB', '-1', '1.5MB', '3XB']) assert.equal(parseSize(wrong), undefined, wrong);
});

test('example.toml and reference.md are fresh: run `node config/write-docs.ts`', () => {
  const read = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8');
  assert.equal(read('example.toml'), exampleToml());
  assert.equal(read('reference.md'), referenceMarkdown());
  assert.deepEqual(parse(exampleToml()), parse('hostname = "mx.example.org"'));
});

test('loadConfig() reads a file, and says what to do when there is none', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'peerpost.toml');
  await assert.rejects(
    loadConfig(file),
    (error: unknown) => error instanceof ConfigError && /peerpost init/.test(error.message),
  );
  writeFileSync(file, initialConfig({ domain: 'a.test', portBase: 20_000 }));
  assert.equal((await loadConfig(file)).data, folder);
});
