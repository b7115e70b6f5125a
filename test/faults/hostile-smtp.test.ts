/**
 * SMTP clients that mean harm, against a whole peer over sockets: floods, endless content, MIME bombs, half-open sessions. Meanwhile somebody else sends mail
 * again and again and is served in time; memory stays bounded, nothing dies, no spool file is left, and the log tells of no fault of ours.
 */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readMailbox } from '#test/support/mail-client.ts';
import { loopbackAddress, startTestPeer, type TestPeer } from '#test/support/system.ts';
import { addressBomb, dots, encodedWordBomb, fieldBomb, nested, parameterBomb, partBomb } from './hostile/bombs.ts';
import { type Bystander, bystander } from './hostile/bystander.ts';
import { HostileClient } from './hostile/client.ts';

const MB = 1024 * 1024;
const MEMORY = 700 * MB;
/** On a machine that others use too; the median is held to less. */
const PROMPT_MS = 5_000;
const FACTOR = Number(process.env.PEERPOST_HOSTILE ?? 1);

describe('hostile SMTP clients', () => {
  let peer: TestPeer;
  let other: Bystander;
  let pids: ReadonlyMap<string, number>;

  before(async () => {
    peer = await startTestPeer({
      domain: 'alpha.test',
      users: ['ann', 'ben'],
      // Loopback would be exempt.
      toml: '[limits]\nexempt-networks = []\nmessages-per-minute-per-address = 1000000\nauth-failures-per-minute = 20',
    });
    pids = await peer.pids();
    other = bystander(peer, 'ben@alpha.test');
  });
  after(async () => {
    await peer?.close();
  });

  const open = (port = 25, from = loopbackAddress()): Promise<HostileClient> =>
    HostileClient.open(peer.host, peer.port(port), from);

  async function greeted(): Promise<HostileClient> {
    const client = await open();
    await client.until(/^220 /m);
    await client.say('EHLO evil.test\r\n');
    await client.until(/^250 /m);
    return client;
  }

  /** A client that has said EHLO, MAIL and RCPT, each answered. */
  async function begun(): Promise<HostileClient> {
    const client = await greeted();
    await client.say('MAIL FROM:<eve@evil.test>\r\nRCPT TO:<ann@alpha.test>\r\n');
    await client.until(/^250 2\.1\.5/m);
    return client;
  }

  async function memory(program: string): Promise<number> {
    const status = await readFile(`/proc/${pids.get(program)}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
  }

  /** After each attack. */
  async function unharmed(t: { diagnostic(text: string): void }): Promise<void> {
    const { worst, median, count } = await other.waits();
    const [mta, mda] = [await memory('mta'), await memory('mda')];
    t.diagnostic(
      `another client: ${count} messages, median ${median} ms, worst ${worst} ms; MTA ${Math.round(mta / MB)} MB, MDA ${Math.round(mda / MB)} MB`,
    );
    assert.ok(worst < PROMPT_MS, `another client waited ${worst} ms`);
    assert.ok(median < 1_000, `another client waited ${median} ms in the middle`);
    assert.ok(mta < MEMORY && mda < MEMORY, `the MTA has ${mta} octets, the MDA ${mda}`);
    assert.deepEqual(await peer.pids(), pids, 'no program had to be started again');
  }

  const attack = (name: string, run: () => Promise<void>): void => {
    test(name, { timeout: 300_000 }, async (t) => {
      await run();
      await unharmed(t);
    });
  };

  attack('commands without end, and their answers are not read', async () => {
    for (const command of [
      'NOOP\r\n',
      'RCPT TO:<ann@alpha.test>\r\n',
      'EHLO x.test\r\n',
      'BDAT 0\r\n',
      'A\r\n',
      '\r\n',
      '\n',
    ]) {
      const client = await begun();
      client.deafen();
      for (let n = 0; n < 50 * FACTOR; n++) if (!(await client.say(command.repeat(20_000), 1_000))) break;
      client.destroy();
    }
  });

  attack('recipients by the ten thousand', async () => {
    const flood = async (to: string): Promise<void> => {
      const client = await begun();
      const said = client.say(`RCPT TO:<${to}>\r\n`.repeat(10_000));
      await client.until(/^421 4\.7\.0 Too many errors/m, 60_000);
      await said;
      await client.closed();
    };
    await Promise.all([flood('ann@alpha.test'), flood('nobody@alpha.test')]);
  });

  attack('chunks of nothing, and of an octet', async () => {
    const client = await begun();
    await client.say('BDAT 0\r\n'.repeat(30_000 * FACTOR));
    await client.say('BDAT 1\r\nx'.repeat(30_000 * FACTOR));
    await client.say('BDAT 2 LAST\r\n\r\n');
    await client.until(/^250 2\.0\.0 Queued|^421|^250 2\.1\.5 Delivered/m, 60_000);
    client.destroy();
  });

  attack('a header line of 8 MB', async () => {
    const client = await begun();
    await client.say('DATA\r\n');
    await client.until(/^354/m);
    await client.say(`Subject: ${'x'.repeat(8 * MB)}`);
    await client.say('\r\n\r\nbody\r\n.\r\n');
    await client.until(/^550 5\.6\.0/m);
    client.destroy();
  });

  for (const [name, message] of [
    ['multiparts within multiparts', nested(20_000 * FACTOR)],
    ['more than a million parts', partBomb(1_400_000)],
    ['a boundary of 15,000 octets', partBomb(1_000, 'b'.repeat(15_000))],
    ['a header full of addresses', addressBomb(28_000)],
    ['a header full of groups within groups', addressBomb(22_000, 'g:')],
    ['a header full of encoded words', encodedWordBomb(17_000)],
    ['a header full of parameters', parameterBomb(10_000)],
    ['a million lines of dots', dots(1_000_000)],
  ] as const) {
    attack(name, async () => {
      const client = await begun();
      await client.say(`BDAT ${message.length} LAST\r\n`);
      await client.say(message);
      await client.until(/^250 2\.\d\.\d/m, 60_000);
      client.destroy();
    });
  }

  attack('headers of megabytes', async () => {
    const client = await begun();
    for (const message of [fieldBomb(1_000_000), addressBomb(300_000), parameterBomb(300_000)]) {
      await client.say(`BDAT ${message.length} LAST\r\n`);
      await client.say(message);
      await client.until(/^552 5\.3\.4/m, 60_000);
      await client.say('MAIL FROM:<eve@evil.test>\r\nRCPT TO:<ann@alpha.test>\r\n');
      await client.until(/^250 2\.1\.5/m);
    }
    client.destroy();
  });

  attack('connections that say nothing on 465, from one address and from many', async () => {
    const held: HostileClient[] = [];
    const from = loopbackAddress();
    for (let n = 0; n < 500 * FACTOR; n++) held.push(await open(465, from));
    // RFC 8314: TLS from the first octet, and nobody gets more places by not beginning it.
    await until(() => held.filter((client) => !client.isClosed).length <= 50);
    for (let n = 0; n < 1_000 * FACTOR; n++) held.push(await open(465));
    for (const client of held) client.destroy();
  });

  attack('STARTTLS and then nothing, or rubbish', async () => {
    const held: HostileClient[] = [];
    for (let n = 0; n < 200 * FACTOR; n++) {
      const client = await greeted();
      held.push(client);
      await client.say(n % 2 === 0 ? 'STARTTLS\r\n' : `STARTTLS\r\n${'\x16\x03\x01'.repeat(1_000)}`);
      await client.until(/^220 2\.0\.0/m);
      if (n % 4 === 2) await client.say('NOOP\r\n'.repeat(10_000), 1_000);
    }
    for (const client of held) client.destroy();
  });

  attack('many messages begun and never ended', async () => {
    const held: HostileClient[] = [];
    for (let n = 0; n < 200 * FACTOR; n++) {
      const client = await begun();
      held.push(client);
      await client.say('DATA\r\n');
      await client.until(/^354/m);
      await client.say(`Subject: x\r\n\r\n${'x'.repeat(70)}`.repeat(n % 10 === 0 ? 5_000 : 1));
    }
    for (const client of held) client.reset();
    await until(async () => (await spooled()).length === 0);
  });

  attack('clients that come and go', async () => {
    const descriptors = async (): Promise<number> => (await readdir(`/proc/${pids.get('mta')}/fd`)).length;
    const before = await descriptors();
    for (let n = 0; n < 20 * FACTOR; n++) {
      const some = await Promise.all(Array.from({ length: 50 }, (_, i) => open(i % 3 === 0 ? 465 : 25)));
      for (const [i, client] of some.entries()) {
        if (i % 3 === 1) void client.say('EHLO evil.test\r\nMAIL FROM:<>\r\n');
        if (i % 2 === 0) client.reset();
        else client.destroy();
      }
    }
    // Long before the deadline of a handshake.
    await until(async () => (await descriptors()) < before + 30);
  });

  attack('octets by chance', async () => {
    for (let n = 0; n < 50 * FACTOR; n++) {
      const client = n % 2 === 0 ? await open() : await begun();
      const octets = Array.from({ length: 20_000 }, () => String.fromCharCode(Math.floor(Math.random() * 256))).join(
        '',
      );
      await client.say(n % 3 === 0 ? octets : octets.replaceAll('a', '\r\n').replaceAll('b', 'BDAT 3\r\n'));
      client.destroy();
    }
  });

  test('what was accepted is there, and the log tells of no fault', { timeout: 120_000 }, async () => {
    const sent = await other.stop();
    await readMailbox({ peer, address: 'ben@alpha.test' }, sent);
    assert.deepEqual(await spooled(), []);
    const faults = peer
      .log()
      .split('\n')
      .filter((line) => /"level":(?:50|60|"error"|"fatal")/.test(line));
    assert.deepEqual(faults, []);
  });

  async function spooled(): Promise<string[]> {
    return readdir(join(peer.data, 'spool')).catch(() => []);
  }
});

async function until(met: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await met())) {
    assert.ok(performance.now() < end, 'it did not come to pass in time');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
