/** The trials of `small-disk.test.ts`. Runs where it may mount, and where nobody else sees what it mounts. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Cleanup } from '#test/support/folder.ts';
import { prepareTestPeer, type TestPeer } from '#test/support/system.ts';
import { LARGE, Ledger, SMALL } from './ledger.ts';

const DISK = '24m';
const ADDRESS = 'ann@alpha.test';
const MESSAGE = Buffer.from('Subject: appended\r\n\r\nhello\r\n');

interface SmallDisk {
  readonly folder: string;
  readonly env: { readonly [name: string]: string };
  /** To the last octet, with a file that is not the peer's. */
  fill(): void;
  free(): void;
  remount(how: 'ro' | 'rw'): void;
  close(): void;
}

function smallDisk(): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'pp-'));
  const disk = join(folder, 'd');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK},mode=700`, 'tmpfs', disk]);
  const filler = join(disk, 'filler');
  return {
    folder: disk,
    // Compiled code is larger than this disk.
    env: { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(folder, 'code') },
    fill() {
      const file = openSync(filler, 'a');
      try {
        for (const size of [65_536, 4_096]) fillWith(file, Buffer.alloc(size));
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    remount: (how) => void execFileSync('mount', ['-o', `remount,${how}`, disk]),
    close() {
      execFileSync('umount', ['--lazy', disk]);
      rmSync(folder, { recursive: true });
    },
  };
}

function fillWith(file: number, chunk: Buffer): void {
  try {
    while (writeSync(file, chunk) === chunk.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

async function peerOn(t: Cleanup, disk: SmallDisk, minimumFree: string): Promise<TestPeer> {
  const peer = await prepareTestPeer({
    domain: 'alpha.test',
    users: ['ann'],
    parent: disk.folder,
    toml: `[limits]\nminimum-free = "${minimumFree}"`,
    delivery: ['retry = ["1s"]'],
  });
  t.after(async () => {
    await peer.close();
    disk.close();
  });
  await peer.start({ env: disk.env });
  return peer;
}

/** What `status` says is wrong. */
async function troubles(peer: TestPeer): Promise<string> {
  const status = JSON.parse((await peer.cli(['status', '--json'])).stdout) as {
    troubles: { what: string; why?: string }[];
  };
  return status.troubles.map(({ what, why }) => `${what}: ${why}`).join('\n');
}

test('full to the last octet: 452, NO [UNAVAILABLE], reads go on; freed: it works again, nothing is lost', async (t) => {
  const disk = smallDisk();
  const peer = await peerOn(t, disk, '0');
  const ledger = new Ledger(peer, ADDRESS);
  let all: number[] = [];
  for (let round = 0; round < 3; round++) {
    assert.equal(await ledger.send(SMALL), 250);
    assert.equal(await ledger.send(LARGE), 250);
    const session = await ledger.imap();
    await session.must('SELECT INBOX');
    disk.fill();
    const codes = [];
    // The log of a database has room for some small ones: it was larger once.
    for (let n = 0; n < 500; n++) {
      codes.push(await ledger.send(n % 2 === 0 ? LARGE : SMALL));
      if (n > 0 && codes.slice(-2).every((code) => code !== 250)) break;
    }
    const refused = codes.filter((code) => code !== 250);
    assert.ok(refused.length >= 2 && refused.every((code) => code === 452), `SMTP said ${codes.join()}`);
    all = [...all, ...refused];
    const large = await session.append('INBOX', Buffer.concat([MESSAGE, Buffer.alloc(LARGE, 'x\r\n')]));
    assert.match(large, /^NO \[(UNAVAILABLE|OVERQUOTA)\]/);
    const [fetched] = await session.must('FETCH 1 (BODY.PEEK[])');
    assert.match(fetched ?? '', /Subject: m0/, 'reads go on');
    (await ledger.imap()).destroy();
    assert.match(await troubles(peer), /full|ENOSPC/, 'status says so');
    assert.match(peer.log(), /disk is full|ENOSPC/, 'the log says so');
    disk.free();
    assert.equal(await ledger.send(SMALL), 250, 'it works again');
    assert.equal(await ledger.send(LARGE), 250);
    assert.match(await session.append('INBOX', MESSAGE), /^OK/);
    session.destroy();
    await ledger.nothingLost();
  }
  assert.equal((await peer.pids()).size, 3, 'all programs are up');
  await peer.stop();
  disk.fill();
  disk.free();
  await peer.start({ env: disk.env });
  t.diagnostic(`accepted ${ledger.accepted}, there ${await ledger.nothingLost()}; refused: ${all.join(' ')}`);
});

test('started on a full disk: it serves what it can, or says why not; freed, it works', async (t) => {
  const disk = smallDisk();
  const peer = await peerOn(t, disk, '0');
  const ledger = new Ledger(peer, ADDRESS);
  for (const size of [SMALL, LARGE, SMALL]) assert.equal(await ledger.send(size), 250);
  await peer.stop();
  disk.fill();
  // Which of them can come up is not promised; that it goes on trying, or ends with a clear word, is.
  const words = peer.log().length;
  const started = peer.start({ env: disk.env }).then(
    () => 'it started',
    (error: Error) => error.message,
  );
  const first = await Promise.race([started, said(peer, words, t.signal)]);
  if (first === 'it started') {
    const code = await ledger.send(LARGE);
    assert.ok([0, 421, 451, 452].includes(code), `SMTP said ${code}`);
  }
  disk.free();
  if ((await started) !== 'it started') {
    assert.match(await started, /disk is full|ENOSPC|no space/i);
    await peer.start({ env: disk.env });
  }
  assert.equal(await untilTaken(ledger), 250);
  t.diagnostic(`${first}; then: ${await started}; there ${await ledger.nothingLost()}`.slice(0, 300));
});

/** Resolves with what the log says from there on about the full disk, once it says so. */
async function said(peer: TestPeer, from: number, over: AbortSignal): Promise<string> {
  while (!over.aborted) {
    const found = /disk is full|ENOSPC|no space/i.exec(peer.log().slice(from));
    if (found !== null) return `the log says "${found[0]}"`;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return 'the log never said so';
}

/** Programs that died for want of room come back in their time. */
async function untilTaken(ledger: Ledger): Promise<number> {
  for (let tries = 0; ; tries++) {
    const code = await ledger.send(LARGE);
    if (code === 250 || tries === 100) return code;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test('minimum-free: SMTP refuses with 452 before it is full, and mail clients can still delete', async (t) => {
  const disk = smallDisk();
  const peer = await peerOn(t, disk, '8MB');
  const ledger = new Ledger(peer, ADDRESS);
  const codes = [];
  while (codes.length < 60 && (codes.length === 0 || codes.at(-1) === 250)) {
    codes.push(await ledger.send(LARGE));
    // The MTA looks at the disk once a second, in which this one could be filled.
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert.equal(codes.at(-1), 452, `SMTP said ${codes.join(' ')}`);
  assert.ok(codes.length > 4, `${codes.length} messages fit`);
  assert.match(await troubles(peer), /nearly full/, 'status says so');
  assert.match(peer.log(), /the disk is nearly full/);
  await ledger.nothingLost();
  const session = await ledger.imap();
  await session.must('SELECT INBOX');
  await session.must('STORE 1 +FLAGS (\\Seen)');
  session.destroy();
  t.diagnostic(`SMTP said ${codes.join(' ')}`);
});

test('read-only: it does not start and says why; writable again, everything is there', async (t) => {
  const disk = smallDisk();
  const peer = await peerOn(t, disk, '0');
  const ledger = new Ledger(peer, ADDRESS);
  for (const size of [SMALL, LARGE, SMALL]) assert.equal(await ledger.send(size), 250);
  await peer.stop();
  disk.remount('ro');
  await assert.rejects(peer.start({ env: disk.env }), /EROFS|read-only/i);
  disk.remount('rw');
  await peer.start({ env: disk.env });
  assert.equal(await ledger.send(SMALL), 250);
  t.diagnostic(`accepted ${ledger.accepted}, there ${await ledger.nothingLost()}`);
});
