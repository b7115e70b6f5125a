/**
 * A full disk, a read-only one, one that fails to sync, write or read, and too few file descriptors: what can't be stored is refused as temporary, nothing that was
 * accepted is lost, what can still be read is read, and all works again when the fault has passed, without a hand.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { temporaryFolder } from '#test/support/folder.ts';
import { generator } from '#test/support/random.ts';
import { prepareTestPeer, startTestPeer, type TestPeer } from '#test/support/system.ts';
import { ImapWire, SmtpWire } from '#test/support/wire.ts';
import { type DiskFault, type FailingDisk, failingDisk } from './failing-disk.ts';
import { LARGE, Ledger, SMALL } from './ledger.ts';

const TEMPORARY = new Set([421, 450, 451, 452]);
const FAULTS = ['full', 'sync', 'write', 'read-only'] as const satisfies readonly DiskFault[];
const NO_COMPILER = 'needs a C compiler: apt-get install gcc libc6-dev';
/** How long the disk flickers. */
const FLICKER_MS = Number(process.env.PEERPOST_FLICKER_SECONDS ?? 15) * 1_000;
const seed = process.env.PEERPOST_SEED ?? randomBytes(4).toString('hex');

describe('a disk that fails', () => {
  let peer: TestPeer;
  let ledger: Ledger;
  let disk: FailingDisk | undefined;
  let cleanUp: (() => void | Promise<void>) | undefined;

  before(async () => {
    peer = await prepareTestPeer({ domain: 'alpha.test', users: ['ann', 'amy'], delivery: ['retry = ["1s"]'] });
    ledger = new Ledger(peer, 'ann@alpha.test');
    disk = failingDisk(temporaryFolder({ after: (work) => (cleanUp = work) }), peer.data);
    await peer.start({ env: disk?.env ?? {} });
  });
  after(async () => {
    disk?.fail();
    disk?.close();
    await peer?.close();
    await cleanUp?.();
  });

  for (const fault of FAULTS) {
    test(`${fault}: temporary refusals, reads go on, and it works again when it has passed`, async (t) => {
      if (disk === undefined) return t.skip(NO_COMPILER);
      t.after(() => disk?.fail());
      assert.equal(await ledger.send(SMALL), 250);
      assert.equal(await ledger.send(LARGE), 250);
      const session = await ledger.imap();
      await session.must('SELECT INBOX');
      disk.fail(fault);
      const codes = [await ledger.send(SMALL), await ledger.send(LARGE), await ledger.send(SMALL)];
      for (const code of codes) assert.ok(TEMPORARY.has(code), `SMTP said ${code}`);
      const appended = await session.append('INBOX', Buffer.from('Subject: appended\r\n\r\nhello\r\n'));
      const flagged = (await session.ask('STORE 1 +FLAGS (\\Flagged)')).at(-1) ?? '';
      t.diagnostic(`${fault}: SMTP ${codes.join(' ')}, APPEND ${appended}, STORE ${flagged}`);
      assert.match(appended, /^NO \[UNAVAILABLE\]/);
      assert.match(flagged, /^NO \[UNAVAILABLE\]/);
      const [fetched] = await session.must('FETCH 1 (BODY.PEEK[])');
      assert.match(fetched ?? '', /Subject: m0/, 'reads go on');
      const fresh = await ledger.imap();
      await fresh.must('SELECT INBOX');
      fresh.destroy();
      assert.match(peer.log(), fault === 'full' ? /disk is full/ : /disk/i, 'the log says so in clear words');
      const status = JSON.parse((await peer.cli(['status', '--json'])).stdout) as { troubles: { why?: string }[] };
      const told = status.troubles.map(({ why }) => why).join();
      assert.match(told, fault === 'full' ? /full|ENOSPC/ : /disk I\/O|EIO|EROFS|readonly|read-only/, 'status says so');
      disk.fail();
      assert.equal(await ledger.send(SMALL), 250, 'it works again');
      assert.equal(await ledger.send(LARGE), 250);
      await session.must('STORE 1 +FLAGS (\\Flagged)');
      session.destroy();
      await ledger.nothingLost();
    });
  }

  test('reads that fail: temporary for what is asked, and it works again', async (t) => {
    if (disk === undefined) return t.skip(NO_COMPILER);
    t.after(() => disk?.fail());
    assert.equal(await ledger.send(LARGE), 250);
    const session = await ledger.imap();
    await session.must('SELECT INBOX');
    disk.fail('read');
    const failed = (await session.ask('FETCH * (BODY.PEEK[])')).at(-1) ?? '';
    assert.match(failed, /^NO \[UNAVAILABLE\]/);
    disk.fail();
    await session.must('FETCH * (BODY.PEEK[])');
    session.destroy();
    await ledger.nothingLost();
  });

  test('a disk that flickers under load loses nothing', { timeout: FLICKER_MS + 120_000 }, async (t) => {
    if (disk === undefined) return t.skip(NO_COMPILER);
    t.after(() => disk?.fail());
    const random = generator(seed);
    const end = Date.now() + FLICKER_MS;
    const codes = new Map<number, number>();
    const load = Array.from({ length: 8 }, async (_, n) => {
      while (Date.now() < end) {
        const code = await ledger.send(n === 0 ? LARGE : SMALL);
        codes.set(code, (codes.get(code) ?? 0) + 1);
        // What is sent is read again, and some large ones are as good as many.
        if (n === 0) await new Promise((resolve) => setTimeout(resolve, 100));
      }
    });
    let faults = 0;
    while (Date.now() < end) {
      const fault = FAULTS[Math.floor(random() * FAULTS.length)] as DiskFault;
      disk.fail(fault);
      faults++;
      await new Promise((resolve) => setTimeout(resolve, random() * 60));
      disk.fail();
      await new Promise((resolve) => setTimeout(resolve, random() * 200));
    }
    await Promise.all(load);
    const there = await ledger.nothingLost();
    t.diagnostic(
      `seed ${seed}: ${faults} faults, accepted ${ledger.accepted}, there ${there}, lost 0; replies ${JSON.stringify([...codes])}`,
    );
    for (const code of codes.keys()) assert.ok(code === 250 || code === 0 || TEMPORARY.has(code), `SMTP said ${code}`);
  });

  test('it starts again after all that, and everything is there', async () => {
    await peer.stop();
    await peer.start({ env: disk?.env ?? {} });
    await ledger.nothingLost();
  });
});

test('out of file descriptors: who can be served is served, and it works again', { timeout: 120_000 }, async (t) => {
  const peer = await startTestPeer({ domain: 'alpha.test', users: ['ann'] });
  t.after(() => peer.close());
  const ledger = new Ledger(peer, 'ann@alpha.test');
  assert.equal(await ledger.send(SMALL), 250);
  await peer.stop();
  await peer.start({ launcher: ['prlimit', '--nofile=160:160'] });
  const crowd = await Promise.allSettled(
    Array.from({ length: 300 }, (_, n) =>
      n % 2 === 0
        ? SmtpWire.open(peer.host, peer.port(25))
        : ImapWire.open(peer.host, peer.port(143), 'ann@alpha.test', peer.password),
    ),
  );
  const served = crowd.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  t.diagnostic(`300 connections with 160 descriptors a process: ${served.length} served`);
  assert.ok(served.length >= 50, `${served.length} served`);
  for (const one of served) one.destroy();
  for (let tries = 0; tries < 50 && (await ledger.send(LARGE)) !== 250; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.equal(await ledger.send(SMALL), 250, 'it works again');
  await ledger.nothingLost();
});
