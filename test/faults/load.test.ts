/**
 * Many at once: 10,000 idle IMAP connections that all hear of a new message, a thousand busy ones beside deliveries, 2,000 SMTP connections. Nobody is
 * refused, nothing is lost, memory stays bounded. PEERPOST_LOAD scales it.
 */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';
import { ImapWire, SmtpWire } from '#test/support/wire.ts';

const SCALE = Number(process.env.PEERPOST_LOAD ?? 1);
const IDLE = Math.round(10_000 * SCALE);
const BUSY = Math.round(1_000 * SCALE);
const SMTP = Math.round(2_000 * SCALE);
const BUSY_ROUNDS = 5;
/** How many of us connect at a time. */
const AT_ONCE = 200;
const USERS = Array.from({ length: 10 }, (_, n) => `u${n}`);
/** What a connection may cost the gateway; the issue for its own figure is the benchmark's. */
const SESSION_OCTETS = 200_000;

describe('load', () => {
  let peer: TestPeer;
  before(async () => {
    peer = await startTestPeer({ domain: 'alpha.test', users: USERS });
  });
  after(() => peer?.close());

  const login = (n: number): Promise<ImapWire> =>
    ImapWire.open(peer.host, peer.port(143), `${USERS[n % USERS.length]}@alpha.test`, peer.password);

  async function deliver(user: string, text: string): Promise<number> {
    const smtp = await SmtpWire.open(peer.host, peer.port(25));
    const { code } = await smtp.data('bob@beta.test', `${user}@alpha.test`, Buffer.from(text));
    await smtp.close();
    return code;
  }

  test(`${IDLE} idle IMAP connections`, { timeout: 300_000 }, async (t) => {
    const pid = (await peer.pids()).get('imap-gateway') as number;
    const before = await memoryOf(pid);
    const begun = performance.now();
    const sessions = await inTurns(IDLE, login);
    const opened = performance.now() - begun;
    await inTurns(IDLE, async (n) => await sessions[n]?.must('SELECT INBOX'));
    const heard = sessions.map((session) => session.selectAndWait('INBOX', 1));
    const grown = ((await memoryOf(pid)) - before) / IDLE;
    const sent = performance.now();
    const codes = await Promise.all(USERS.map((user) => deliver(user, 'Subject: news\r\n\r\nhello\r\n')));
    assert.deepEqual(new Set(codes), new Set([250]));
    await Promise.all(heard);
    const told = performance.now() - sent;
    t.diagnostic(
      `${IDLE} logged in within ${Math.round(opened)} ms; ${Math.round(grown)} octets a session; all told of a new message after ${Math.round(told)} ms`,
    );
    for (const session of sessions) session.destroy();
    assert.ok(grown < SESSION_OCTETS, `${grown} octets a session`);
    await settled(peer);
  });

  test(`${BUSY} busy IMAP connections beside deliveries`, { timeout: 300_000 }, async (t) => {
    const sessions = await inTurns(BUSY, login);
    const begun = performance.now();
    let deliveries = 0;
    let worst = 0;
    let busy = true;
    const mail = (async () => {
      while (busy) {
        const at = performance.now();
        assert.equal(await deliver(USERS[deliveries % USERS.length] as string, 'Subject: more\r\n\r\nhello\r\n'), 250);
        worst = Math.max(worst, performance.now() - at);
        deliveries++;
      }
    })();
    await Promise.all(
      sessions.map(async (session, n) => {
        for (let round = 0; round < BUSY_ROUNDS; round++) {
          await session.must('SELECT INBOX');
          await session.must('FETCH 1:* (FLAGS ENVELOPE BODY.PEEK[HEADER.FIELDS (SUBJECT)])');
          await session.must(`STORE 1 ${n % 2 === 0 ? '+' : '-'}FLAGS (\\Flagged)`);
          await session.must('SEARCH UNSEEN');
        }
      }),
    );
    busy = false;
    await mail;
    const seconds = (performance.now() - begun) / 1_000;
    for (const session of sessions) session.destroy();
    t.diagnostic(
      `${Math.round((BUSY * BUSY_ROUNDS * 4) / seconds)} commands/s on ${BUSY} connections; ${deliveries} deliveries meanwhile, the slowest ${Math.round(worst)} ms`,
    );
    assert.ok(deliveries > 0);
    await settled(peer);
  });

  test(`${SMTP} SMTP connections at once`, { timeout: 300_000 }, async (t) => {
    const begun = performance.now();
    const open = await inTurns(SMTP, () => SmtpWire.open(peer.host, peer.port(25)));
    const opened = performance.now() - begun;
    const codes = await Promise.all(
      open.map((smtp, n) =>
        smtp.data(
          'bob@beta.test',
          `${USERS[n % USERS.length]}@alpha.test`,
          Buffer.from(`Subject: s${n}\r\n\r\nhello\r\n`),
        ),
      ),
    );
    const took = performance.now() - begun;
    for (const smtp of open) smtp.destroy();
    const refused = codes.filter(({ code }) => code !== 250);
    t.diagnostic(`${SMTP} open after ${Math.round(opened)} ms, all delivered after ${Math.round(took)} ms`);
    assert.deepEqual(refused, []);
    const session = await login(0);
    const [status = ''] = await session.must('STATUS INBOX (MESSAGES)');
    session.destroy();
    assert.ok(Number(/MESSAGES (\d+)/.exec(status)?.[1]) >= SMTP / USERS.length);
    await settled(peer);
  });
});

async function inTurns<T>(count: number, work: (n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) results[n] = await work(n);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

/** Waits until the programs have let go of all connections of the trial. */
async function settled(peer: TestPeer): Promise<void> {
  const pids = [...(await peer.pids()).values()];
  for (let look = 0; look < 100; look++) {
    const counts = await Promise.all(pids.map(async (pid) => (await readdir(`/proc/${pid}/fd`)).length));
    if (Math.max(...counts) < 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail('connections stay open after their clients have gone');
}

async function memoryOf(pid: number): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}
