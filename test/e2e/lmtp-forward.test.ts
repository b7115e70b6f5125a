/**
 * Somebody else's MTA in front of our MDA: mail for accounts that forward to another peer goes on through our MTA, and what was answered with 250 is never
 * lost, whoever of us is killed meanwhile.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Internet, startInternet } from '#test/support/internet.ts';
import { readMailbox, withImap } from '#test/support/mail-client.ts';
import type { TestPeer } from '#test/support/system.ts';
import { SmtpWire } from '#test/support/wire.ts';

const LARGE = 400_000;
const FAULTS = 'mda:passed-on:5,mta:queued:6,mta:answering:9';

describe('mail by LMTP for accounts that forward elsewhere', { timeout: 240_000 }, () => {
  let internet: Internet;
  let alpha: TestPeer;
  before(async () => {
    internet = await startInternet({
      domains: { 'alpha.test': ['alice', 'carol', 'mover'], 'beta.test': ['bob', 'eve'] },
    });
    alpha = internet.peer('alpha.test');
    await command(alpha, 'account', 'forward', 'alice@alpha.test', 'bob@beta.test');
    await command(alpha, 'account', 'forward', 'carol@alpha.test', 'bob@beta.test', '--keep');
    await command(alpha, 'account', 'moved', 'mover@alpha.test', 'bob@beta.test');
    await command(alpha, 'alias', 'add', 'all@alpha.test', 'carol@alpha.test', 'bob@beta.test');
  });
  after(() => internet?.close());

  async function command(peer: TestPeer, ...args: string[]): Promise<void> {
    const { code, stderr } = await peer.cli(args);
    assert.equal(code, 0, stderr);
  }
  const read = async (user: string, domain: string, count: number): Promise<string[]> =>
    (await readMailbox({ peer: internet.peer(domain), address: `${user}@${domain}` }, count)).map(String);
  const deliver = async (to: string, content: string, from = 'x@far.test'): Promise<number> => {
    const lmtp = await SmtpWire.open(alpha.host, alpha.port(24), 'LHLO');
    try {
      return (await lmtp.bdat(from, to, Buffer.from(content))).code;
    } finally {
      lmtp.destroy();
    }
  };
  /** As a queue does: again until it is taken. */
  async function untilTaken(to: string, content: string): Promise<number> {
    for (let tries = 1; ; tries++) {
      assert.ok(tries < 500, `${to} was never taken`);
      const code = await deliver(to, content).catch(() => 0);
      if (code === 250) return tries;
      assert.ok(code < 500, `${code}`);
      await sleep(100);
    }
  }

  test('the sender stays the sender, what is large passes too, and a copy is kept where it is wanted', async () => {
    const large = `Subject: large\r\n\r\n${'x'
      .repeat(78)
      .concat('\r\n')
      .repeat(LARGE / 80)}`;
    assert.equal(await deliver('alice@alpha.test', 'Subject: small\r\n\r\nhello\r\n'), 250);
    assert.equal(await deliver('carol@alpha.test', large), 250);
    assert.equal(await deliver('mover@alpha.test', 'Subject: moved\r\n\r\n'), 250);
    const got = await read('bob', 'beta.test', 3);
    for (const subject of ['small', 'large', 'moved']) {
      const found = got.filter((text) => text.includes(`\r\nSubject: ${subject}\r\n`));
      assert.equal(found.length, 1, subject);
      assert.match(found[0]!, /^Return-Path: <x@far\.test>\r\n/);
    }
    assert.ok(got.some((text) => text.endsWith(large)));
    const kept = await read('carol', 'alpha.test', 1);
    assert.ok(kept[0]?.endsWith(large));
    await withImap({ peer: alpha, address: 'alice@alpha.test' }, async (client) => {
      assert.deepEqual(await client.status('INBOX', { messages: true }), { path: 'INBOX', messages: 0 });
    });
  });

  test('peers that forward to each other end after one round', async () => {
    const beta = internet.peer('beta.test');
    await command(beta, 'account', 'forward', 'eve@beta.test', 'carol@alpha.test', '--keep');
    await command(alpha, 'account', 'forward', 'carol@alpha.test', 'eve@beta.test', '--keep');
    assert.equal(await deliver('carol@alpha.test', 'Subject: circle\r\n\r\n'), 250);
    const circle = (texts: string[]): number => texts.filter((text) => text.includes('Subject: circle')).length;
    assert.equal(circle(await read('eve', 'beta.test', 1)), 1);
    assert.ok(circle(await read('carol', 'alpha.test', 3)) <= 2, 'it came back once at most');
    await command(alpha, 'account', 'forward', 'carol@alpha.test', 'bob@beta.test', '--keep');
  });

  test('kill -9 of the MDA and of the MTA in between loses nothing', async (t) => {
    await alpha.stop();
    await alpha.start({ env: { PEERPOST_FAULT: FAULTS } });
    const ids = Array.from({ length: 16 }, (_, i) => `forward-${i}`);
    let tries = 0;
    for (const [i, id] of ids.entries()) {
      const to = ['alice', 'carol', 'mover', 'all'][i % 4]!;
      tries += await untilTaken(
        `${to}@alpha.test`,
        `Subject: ${id};\r\n\r\n${'x'.repeat(i % 5 === 0 ? 50_000 : 10).replaceAll(/(x{70})/g, '$1\r\n')}\r\n`,
      );
    }
    const deaths = alpha.log().match(/fault point \S+/g) ?? [];
    await alpha.stop();
    await alpha.start();
    const missing = async (user: string, domain: string, wanted: readonly string[]): Promise<readonly string[]> => {
      const texts = await read(user, domain, wanted.length);
      return wanted.filter((id) => !texts.some((text) => text.includes(`Subject: ${id};`)));
    };
    // Where copies came twice there are more of them than ids: the count alone doesn't say that all are there.
    for (let left = ids, until = Date.now() + 60_000; left.length > 0; ) {
      left = [...(await missing('bob', 'beta.test', ids))];
      assert.ok(left.length === 0 || Date.now() < until, `lost: ${left.join(' ')}`);
      if (left.length > 0) await sleep(250);
    }
    const carols = ids.filter((_, i) => i % 4 === 1 || i % 4 === 3);
    assert.deepEqual(await missing('carol', 'alpha.test', carols), []);
    const copies = (await read('bob', 'beta.test', 1)).filter((text) => text.includes('Subject: forward-')).length;
    t.diagnostic(
      `${ids.length} messages in ${tries} tries, ${deaths.length} processes killed, ${copies} copies: ${[...new Set(deaths)].join(', ')}`,
    );
    assert.ok(
      deaths.some((death) => death.includes('mda:')) && deaths.some((death) => death.includes('mta:')),
      deaths.join(),
    );
  });
});
