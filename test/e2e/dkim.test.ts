/** Keys from their making to signatures that another peer finds good: what accounts write and what we report is signed, what others wrote is not. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { verifyAll } from '#mail/dkim/verify.testkit.ts';
import { type DnsResponder, startDnsResponder } from '#runtime/dns/responder.ts';
import type { Zone } from '#runtime/dns/zones.ts';
import { submit } from '#test/support/mail-client.ts';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';
import { SmtpWire } from '#test/support/wire.ts';

interface Key {
  readonly selector: string;
  readonly state: string;
  readonly seen?: string;
  readonly record: { readonly name: string; readonly value: string };
}

describe('DKIM, from the key to the signature', { timeout: 240_000 }, () => {
  const sinks: Sink[] = [];
  let dns: DnsResponder;
  let peer: TestPeer;
  const records: Record<string, string> = {};

  before(async () => {
    dns = await startDnsResponder({ host: '127.0.0.1', port: 0, zones: [{ origin: 'a.test', records: {} }] });
    sinks.push(await startSink(false), await startSink(true));
    const [far, old] = sinks as [Sink, Sink];
    peer = await startTestPeer({
      domain: 'a.test',
      users: ['alice', 'bob'],
      dns: `${dns.address.host}:${dns.address.port}`,
      routes: { 'far.test': `smtp://127.0.0.1:${far.port}`, 'old.test': `smtp://127.0.0.1:${old.port}` },
    });
    await command('domain', 'add', 'b.test');
    await peer.cli(['account', 'add', 'eve@b.test', '--password-stdin'], peer.password);
    await command('account', 'forward', 'bob@a.test', 'x@far.test');
  });
  after(async () => {
    await peer?.close();
    await dns?.close();
    for (const sink of sinks) await sink.close();
  });

  async function command(...args: readonly string[]): Promise<{ items: readonly Key[] }> {
    const { code, stdout, stderr } = await peer.cli([...args, '--json']);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  }
  async function rest(method: string, path: string, body?: object): Promise<{ items: readonly Key[] } & Key> {
    const { token } = (await command('token', 'add', `${method} ${path}`, '--scope', 'admin')) as unknown as {
      token: string;
    };
    // fetch refuses our port.
    const sent = request({
      host: peer.host,
      port: peer.port(80),
      path: `/api/v1/admin/domains/a.test/dkim${path}`,
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    });
    sent.end(body && JSON.stringify(body));
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
    assert.ok((answer.statusCode ?? 500) < 300, `${path}: ${text}`);
    return JSON.parse(text === '' ? '{}' : text);
  }
  const publish = (keys: readonly Key[]): void => {
    for (const { record } of keys) records[record.name] = record.value;
    const owners = Object.entries(records).map(([name, text]) => [name, [{ type: 'TXT' as const, text }]]);
    const zone: Zone = { origin: 'a.test', records: Object.fromEntries(owners) };
    dns.setZones([zone]);
  };
  const send = async (from: string, to: string, text = 'hello'): Promise<string> => {
    const sink = sinks[to.endsWith('@old.test') ? 1 : 0] as Sink;
    const came = sink.next();
    await submit({ peer, address: from }, { to, subject: 'a letter', raw: letter(from, to, text) });
    return await came;
  };
  const letter = (from: string, to: string, text: string): string =>
    [
      `From: ${from}`,
      `To: ${to}`,
      'Subject: a letter',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 8bit',
      '',
      text,
      '',
    ].join('\r\n');
  const selectors = (message: string): string[] => Array.from(message.matchAll(/; s=([^;]+);/g), ([, s = '']) => s);

  test('nothing is signed until DNS has the keys and the admin says so', async () => {
    assert.deepEqual(verifyAll(await send('alice@a.test', 'x@far.test'), records), []);
    const { items } = await command('domain', 'dkim', 'add', 'a.test');
    const early = await command('domain', 'dkim', 'check', 'a.test', '--sign');
    assert.deepEqual(
      early.items.map(({ seen, state }) => `${seen} ${state}`),
      ['missing published-only', 'missing published-only'],
    );
    publish(items);
    const { code, stdout } = await peer.cli(['domain', 'dns', 'a.test']);
    assert.equal(code, 0);
    for (const { record } of items) assert.ok(stdout.includes(`${record.name}. 3600 IN TXT "v=DKIM1; `), stdout);
    assert.deepEqual(verifyAll(await send('alice@a.test', 'x@far.test'), records), []);
    const { items: signing } = await command('domain', 'dkim', 'check', 'a.test', '--sign');
    assert.deepEqual(
      signing.map(({ seen, state }) => `${seen} ${state}`),
      ['published signing', 'published signing'],
    );
  });

  test('what an account writes is signed as it is sent, converted or not, small or large', async () => {
    for (const text of ['hello', 'größe', `${'größe  x \r\n'.repeat(30_000)}\r\n\r\n`]) {
      for (const to of ['x@far.test', 'x@old.test']) {
        const message = await send('alice@a.test', to, text);
        assert.deepEqual(verifyAll(message, records), ['pass', 'pass'], to);
        // RFC 6152 §3: without 8BITMIME it is converted first.
        if (to === 'x@old.test') assert.doesNotMatch(message, /[\x80-\xff]/);
      }
    }
  });

  test('what others wrote is passed on unsigned; our report about it is ours; a domain without keys signs nothing', async () => {
    const [far] = sinks as [Sink];
    const smtp = await SmtpWire.open(peer.host, peer.port(25));
    const forwarded = far.next();
    assert.equal(
      (await smtp.data('y@far.test', 'bob@a.test', Buffer.from(letter('y@far.test', 'bob@a.test', 'x')))).code,
      250,
    );
    assert.deepEqual(verifyAll(await forwarded, records), []);

    const forged = far.next();
    assert.equal(
      (await smtp.data('y@far.test', 'bob@a.test', Buffer.from(letter('alice@a.test', 'bob@a.test', 'x')))).code,
      250,
    );
    assert.deepEqual(verifyAll(await forged, records), []);

    const report = far.next();
    await smtp.ask('RSET\r\n');
    assert.equal((await smtp.ask('MAIL FROM:<y@far.test>\r\n')).code, 250);
    assert.equal((await smtp.ask('RCPT TO:<alice@a.test> NOTIFY=SUCCESS\r\n')).code, 250);
    assert.equal((await smtp.ask('DATA\r\n')).code, 354);
    assert.equal((await smtp.ask(`${letter('y@far.test', 'alice@a.test', 'x')}.\r\n`)).code, 250);
    const told = await report;
    assert.match(told, /^From: .*<mailer-daemon@mx\.a\.test>/m);
    assert.deepEqual(verifyAll(told, records), ['pass', 'pass']);
    await smtp.close();

    assert.deepEqual(verifyAll(await send('eve@b.test', 'x@far.test'), records), []);
  });

  test('a rotation: the new key signs, the old one retires and stays in DNS', async () => {
    const { items: fresh } = await rest('POST', '', { algorithm: 'rsa-sha256' });
    publish(fresh);
    const { items } = await rest('POST', '/check', { sign: true });
    assert.deepEqual(
      items.map(({ state }) => state),
      ['retired', 'signing', 'signing'],
    );
    const message = await send('alice@a.test', 'x@far.test');
    assert.deepEqual(verifyAll(message, records), ['pass', 'pass']);
    assert.deepEqual(selectors(message), [items[1]?.selector, items[2]?.selector]);
    const { stdout } = await peer.cli(['domain', 'dns', 'a.test']);
    assert.ok(stdout.includes(items[0]?.record.name ?? '-'));

    // What is said to the gateway holds for the MTA's next message.
    await rest('PATCH', `/${items[2]?.selector}`, { state: 'retired' });
    assert.deepEqual(selectors(await send('alice@a.test', 'x@far.test')), [items[1]?.selector]);
    await rest('DELETE', `/${items[2]?.selector}?force=true`);
    assert.equal((await rest('GET', '')).items.length, 2);
  });

  test('private keys stand in no answer and no log', async () => {
    const { stdout } = await peer.cli(['audit', 'list', '--json']);
    const { items } = await command('domain', 'dkim', 'list', 'a.test');
    for (const told of [stdout, JSON.stringify(items), peer.log()])
      assert.doesNotMatch(told, /PRIVATE KEY|MC4CAQAw|MIIEv/);
  });
});

interface Sink {
  readonly port: number;
  /** The next message that comes, as a binary string. */
  next(): Promise<string>;
  close(): Promise<void>;
}

async function startSink(hide8BITMIME: boolean): Promise<Sink> {
  let arrived: ((message: string) => void) | undefined;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    hide8BITMIME,
    logger: false,
    onData(stream, _session, done) {
      let message = '';
      stream.setEncoding('latin1');
      stream.on('data', (text: string) => (message += text));
      stream.on('end', () => {
        arrived?.(message);
        done();
      });
    },
  });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  return {
    port: (server.server.address() as AddressInfo).port,
    next: () => new Promise((resolve) => (arrived = resolve)),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
