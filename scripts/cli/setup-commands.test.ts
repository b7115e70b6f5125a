/** `client-setup` and `domain dns` as people meet them. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCli } from '#test/support/system.ts';

describe('what clients and zones need', () => {
  let data = '';
  const run = (...args: string[]) => runCli([...args, '--config', join(data, 'peerpost.toml')]);

  before(async () => {
    data = await mkdtemp(join(tmpdir(), 'peerpost-setup-'));
    assert.equal(
      (await runCli(['init', '--data', data, '--domain', 'example.org', '--hostname', 'mx.example.org'])).code,
      0,
    );
    const config = ['--config', join(data, 'peerpost.toml')];
    assert.equal(
      (await runCli(['account', 'add', 'a@example.org', '--password-stdin', ...config], 'secret password')).code,
      0,
    );
    assert.equal((await run('alias', 'add', 'info@example.org', 'a@example.org')).code, 0);
  });
  after(() => rm(data, { recursive: true, force: true }));

  test('client-setup says what to type, in words and as JSON', async () => {
    const words = await run('client-setup', 'A@Example.org');
    assert.equal(words.code, 0, words.stderr);
    assert.match(words.stdout, /^user name: a@example\.org,/);
    assert.match(words.stdout, /^incoming +IMAP +mx\.example\.org +993 +SSL\/TLS$/m);
    assert.match(words.stdout, /^outgoing +SMTP +mx\.example\.org +465 +SSL\/TLS$/m);
    const link = 'https://mx.example.org/setup/mobileconfig?address=a%40example.org';
    assert.ok(words.stdout.includes(`iPhone, iPad, Mac: open ${link}\n`), words.stdout);
    // The code, without colours where no terminal shows it.
    assert.match(words.stdout, /\n█{10,}\n/);
    assert.ok(!words.stdout.includes('\x1b'));
    const { address, incoming, outgoing, profile } = JSON.parse(
      (await run('client-setup', 'a@example.org', '--json')).stdout,
    ) as {
      address: string;
      incoming: object[];
      outgoing: object[];
      profile: string;
    };
    assert.equal(profile, link);
    assert.equal(address, 'a@example.org');
    assert.deepEqual(incoming[0], { protocol: 'imaps', host: 'mx.example.org', port: 993, security: 'tls' });
    assert.deepEqual(outgoing[0], { protocol: 'submissions', host: 'mx.example.org', port: 465, security: 'tls' });
  });

  test('client-setup names the account behind an alias, and refuses what is none', async () => {
    assert.match(
      (await run('client-setup', 'info@example.org')).stderr,
      /is an alias: people sign in as a@example\.org/,
    );
    assert.deepEqual((await run('client-setup', 'b@example.org')).code, 1);
    assert.deepEqual((await run('client-setup', 'b')).code, 2);
  });

  test('domain dns prints a zone’s lines, each of them parts of the JSON', async () => {
    const zone = (await run('domain', 'dns', 'example.org')).stdout;
    assert.match(zone, /^example\.org\. 3600 IN MX 10 mx\.example\.org\.$/m);
    assert.match(zone, /^_imaps\._tcp\.example\.org\. 3600 IN SRV 0 1 993 mx\.example\.org\.$/m);
    assert.match(zone, /^autoconfig\.example\.org\. 3600 IN CNAME mx\.example\.org\.$/m);
    assert.match(zone, /^_ua-auto-config\.example\.org\. 3600 IN TXT "v=UAAC1; a=sha256; d=[\w+/=]{44}"$/m);
    assert.match(zone, /^; note: the certificate is self-signed/m);
    const { items } = JSON.parse((await run('domain', 'dns', 'example.org', '--json')).stdout) as {
      items: { name: string; type: string; value: string; priority?: number }[];
    };
    assert.deepEqual(
      items.filter(({ type }) => type === 'MX').map(({ name, priority, value }) => [name, priority, value]),
      [['example.org', 10, 'mx.example.org']],
    );
    assert.match((await run('domain', 'dns', 'example.net')).stderr, /peerpost domain add example\.net/);
    assert.equal((await run('domain', 'dns', 'no domain')).code, 2);
  });
});
