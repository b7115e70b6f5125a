/**
 * Who is away answers, seen from outside: people once, nobody else, whoever of us is killed between. Killed behind the commit an answer is sent all the same;
 * killed behind the hand-over it is sent again under its delivery id, which the MTA knows: at least once, and here once.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Internet, startInternet } from '#test/support/internet.ts';
import { readMailbox, submit, withImap } from '#test/support/mail-client.ts';
import type { TestPeer } from '#test/support/system.ts';
import { SmtpWire } from '#test/support/wire.ts';

const ALICE = 'alice@alpha.test';
const BOB = 'bob@beta.test';

describe('an autoreply', { timeout: 240_000 }, () => {
  let internet: Internet;
  let alpha: TestPeer;
  before(async () => {
    const beta = ['bob', 'eve', 'fay', 'gus', 'hal', 'ida', 'joe'];
    internet = await startInternet({ domains: { 'alpha.test': ['alice'], 'beta.test': beta } });
    alpha = internet.peer('alpha.test');
    await autoreply(alpha, ALICE, '--text', 'Back in May.');
    await autoreply(internet.peer('beta.test'), BOB, '--text', 'Gone fishing.', '--subject', 'Fishing');
  });
  after(() => internet?.close());

  async function autoreply(peer: TestPeer, ...args: string[]): Promise<void> {
    const { code, stderr } = await peer.cli(['account', 'autoreply', ...args]);
    assert.equal(code, 0, stderr);
  }
  const at = (address: string) => ({ peer: internet.peer(address.split('@')[1]!), address });
  /** As it stands there once it has so many messages. */
  const inbox = async (address: string, count: number): Promise<string[]> =>
    (await readMailbox(at(address), count)).map(String);
  const count = (address: string): Promise<number> =>
    withImap(at(address), async (client) => {
      const status = (await client.status('INBOX', { messages: true })) as { messages: number };
      return status.messages;
    });

  /** From a peer that nobody knows. */
  async function write(from: string, more = '', to = ALICE): Promise<void> {
    const smtp = await SmtpWire.open(alpha.host, alpha.port(25));
    const letter = `From: <${from || 'x@beta.test'}>\r\nTo: <${to}>\r\nSubject: hello\r\nMessage-ID: <m@beta.test>\r\n${more}\r\nsecret text\r\n`;
    assert.equal((await smtp.data(from, ALICE, Buffer.from(letter))).code, 250);
    await smtp.close();
  }
  /** Everything enqueued before has left by now: somebody else was answered after it, and nothing waits in the queues. */
  async function allLeft(last: string): Promise<void> {
    await write(last);
    await inbox(last, 1);
    for (const domain of ['alpha.test', 'beta.test']) {
      const { stdout } = await internet.peer(domain).cli(['queue', 'list', '--json']);
      assert.deepEqual(JSON.parse(stdout), { items: [] });
    }
  }

  test('a stranger who writes twice is answered once; a list, a program, the null sender and oneself are not', async () => {
    await write('eve@beta.test');
    await write('eve@beta.test');
    await write('gus@beta.test', 'List-Id: <people.beta.test>\r\n');
    await write('gus@beta.test', 'Auto-Submitted: auto-generated\r\n');
    await write('gus@beta.test', '', 'people@lists.test');
    await write('');
    await write(ALICE);
    await allLeft('fay@beta.test');
    const [answer = '', ...others] = await inbox('eve@beta.test', 1);
    assert.deepEqual(others, []);
    assert.match(answer, /^Return-Path: <>\r\n/);
    assert.match(answer, /^From: alice@alpha\.test\r\n/m);
    assert.match(answer, /^Subject: Auto: hello\r\n/m);
    assert.match(answer, /^Auto-Submitted: auto-replied \(vacation\)\r\n/m);
    assert.match(answer, /^In-Reply-To: <m@beta\.test>\r\n/m);
    assert.match(answer, /Back in May\./);
    assert.doesNotMatch(answer, /secret text/);
    assert.deepEqual([await count('gus@beta.test'), await count(ALICE)], [0, 8]);
  });

  test('two who are away and write to each other come to an end', async () => {
    const before = await count(ALICE);
    await submit(at(ALICE), { to: BOB, subject: 'ping' });
    const answers = await inbox(ALICE, before + 1);
    assert.match(answers.at(-1) ?? '', /^Subject: Fishing\r\n/m);
    await submit(at(BOB), { to: ALICE, subject: 'pong' });
    await inbox(BOB, 2);
    await submit(at(ALICE), { to: BOB, subject: 'ping again' });
    await inbox(BOB, 3);
    await allLeft('hal@beta.test');
    // The answer, `pong`, and hal's letter; the two pings, and one answer.
    assert.deepEqual([await count(ALICE), await count(BOB)], [before + 3, 3]);
  });

  test('kill -9 of the gateway between commit and dispatch: it is answered when another takes over', async () => {
    const { stdout } = await alpha.cli(['status', '--json']);
    const { programs } = JSON.parse(stdout) as { programs: { name: string; pid: number }[] };
    const gateways = programs.filter(({ name }) => name === 'imap-gateway').map(({ pid }) => pid);
    assert.ok(gateways.length > 0);
    for (const pid of gateways) process.kill(pid, 'SIGSTOP');
    await write('gus@beta.test');
    for (const pid of gateways) process.kill(pid, 'SIGKILL');
    const [answer] = await inbox('gus@beta.test', 1);
    assert.match(answer ?? '', /Back in May\./);
  });

  test('kill -9 of the MDA behind the commit, and of the MTA behind the hand-over: still one answer', async () => {
    await dying('mda:stored', 'ida@beta.test');
    await dying('mta:answering', 'joe@beta.test');
    await inbox('ida@beta.test', 1);
    await inbox('joe@beta.test', 1);
    const { stdout } = await alpha.cli(['queue', 'list', '--json']);
    assert.deepEqual(JSON.parse(stdout), { items: [] });
    await sleep(2_000); // longer than the first wait of whoever would try again
    assert.deepEqual([await count('ida@beta.test'), await count('joe@beta.test')], [1, 1]);
  });

  /** Every process that passes the point dies there, until the peer is started anew. */
  async function dying(point: string, from: string): Promise<void> {
    await alpha.stop();
    const logged = alpha.log().length;
    await alpha.start({ env: { PEERPOST_FAULT: `${point}:1` } });
    // By LMTP to our MDA, as somebody else's queue does: again until it is taken.
    const letter = Buffer.from(`From: <${from}>\r\nTo: <${ALICE}>\r\nSubject: hello\r\n\r\ntext\r\n`);
    const lmtp = await SmtpWire.open(alpha.host, alpha.port(24), 'LHLO');
    await lmtp.ask(`MAIL FROM:<${from}> XDELIVERYID=${from.slice(0, 3)}\r\n`);
    await lmtp.ask(`RCPT TO:<${ALICE}>\r\n`);
    const answered = lmtp.ask(`BDAT ${letter.length} LAST\r\n`, letter).catch(() => undefined);
    while (!alpha.log().slice(logged).includes(`fault point ${point}`)) await sleep(50);
    await answered;
    lmtp.destroy();
    await alpha.stop();
    await alpha.start();
  }
});
