/**
 * Octets on the disk that have changed: in a segment, in pages of a shard, in its first page. What is damaged is refused and named in the log; no wrong octets ever
 * come out; all else is served, and nobody else's account is touched.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { directoryFile } from '#store/sqlite/directory-rows.ts';
import { generator } from '#test/support/random.ts';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';
import { LARGE, Ledger, SMALL } from './ledger.ts';

const seed = process.env.PEERPOST_SEED ?? randomBytes(4).toString('hex');
const PAGE = 4_096;
const SHARDS = 2;
const USERS = ['ann', 'ben', 'cat', 'dan'];
const SPARE = 32;

describe(`damage on the disk, seed ${seed}`, () => {
  const random = generator(seed);
  let peer: TestPeer;
  let ledgers: Ledger[];
  before(async () => {
    peer = await startTestPeer({ domain: 'alpha.test', users: USERS, toml: `[store]\nshards = ${SHARDS}` });
    const users = await inEveryShard(peer);
    ledgers = users.map((user) => new Ledger(peer, `${user}@alpha.test`));
    for (const ledger of ledgers) {
      for (let n = 0; n < 30; n++) assert.equal(await ledger.send(n % 10 === 0 ? LARGE : SMALL), 250);
    }
  });
  after(() => peer?.close());

  /** Damaged while it is stopped: in a running system the page may be in a cache. */
  async function damage(path: string, at: (size: number) => number, octets: number): Promise<void> {
    await peer.stop();
    const { size } = await stat(path);
    const file = await open(path, 'r+');
    try {
      await file.write(
        Buffer.from(Array.from({ length: octets }, () => Math.floor(random() * 256))),
        0,
        octets,
        at(size),
      );
    } finally {
      await file.close();
    }
    await peer.start();
  }

  test('in a segment: that message is unavailable, the log names it, all others are whole', async (t) => {
    const folder = join(peer.data, 'segments');
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const [file] = files;
    assert.ok(file !== undefined, 'there is a segment');
    await damage(join(file.parentPath, file.name), (size) => Math.floor(size / 3), 16);
    const reports = await Promise.all(ledgers.map((ledger) => ledger.readAll()));
    const unavailable = reports.reduce((sum, report) => sum + report.unavailable, 0);
    t.diagnostic(`${unavailable} of ${reports.reduce((sum, r) => sum + r.total, 0)} messages unavailable`);
    assert.equal(unavailable, 1);
    t.diagnostic(complaints(peer).join('\n'));
    assert.ok(complaints(peer).length > 0);
  });

  test('in pages of a shard: no wrong octets, other shards untouched, the system stays up', {
    timeout: 180_000,
  }, async (t) => {
    const shards = (await readdir(peer.data)).filter((name) => /^shard-\d+\.sqlite$/.test(name));
    const victim = shards[0] as string;
    for (let trial = 0; trial < 3; trial++) {
      const pick = (size: number): number => PAGE * (1 + Math.floor(random() * (size / PAGE - 1)));
      await damage(join(peer.data, victim), (size) => pick(size) + Math.floor(random() * 3_000), 64);
      const reports = await Promise.all(ledgers.map((ledger) => ledger.readAll()));
      const worst = reports.map((r) => `${r.unavailable}/${r.total}`).join(' ');
      t.diagnostic(`trial ${trial}: unavailable of all, by account: ${worst}`);
      const whole = reports.filter((r) => r.total >= 30 && r.unavailable <= 1);
      assert.ok(whole.length >= 1, 'who lives in another shard reads everything');
      const pids = await peer.pids();
      assert.equal(pids.size, 3, 'all programs are up');
    }
  });

  test('in the first page of a shard: its accounts are unavailable, the others are served', async (t) => {
    await damage(join(peer.data, 'shard-1.sqlite'), () => 0, 200);
    const codes = await Promise.all(ledgers.map((ledger) => ledger.send(SMALL)));
    assert.ok(codes.includes(250), `somebody is served: ${codes.join()}`);
    for (const code of codes) assert.ok(code === 250 || (code >= 400 && code < 500), `never refused for good: ${code}`);
    t.diagnostic(complaints(peer).slice(-5).join('\n'));
  });
});

/** An account's shard is drawn at random: more accounts are made until somebody lives in each. Answers all users. */
async function inEveryShard(peer: TestPeer): Promise<string[]> {
  const users = [...USERS];
  while (occupied(peer) < SHARDS) {
    assert.ok(users.length < USERS.length + SPARE, 'accounts are spread over the shards');
    const user = `spare${users.length}`;
    const { code, stderr } = await peer.cli(
      ['account', 'add', `${user}@alpha.test`, '--password-stdin'],
      `${peer.password}\n`,
    );
    assert.equal(code, 0, stderr);
    users.push(user);
  }
  return users;
}

function occupied(peer: TestPeer): number {
  const directory = new DatabaseSync(directoryFile(peer.data), { readOnly: true });
  try {
    return Number(directory.prepare('SELECT count(DISTINCT shard) AS shards FROM account').get()?.shards);
  } finally {
    directory.close();
  }
}

const complaints = (peer: TestPeer): string[] =>
  peer
    .log()
    .split('\n')
    .filter((line) => /^\{"level":"(warn|error)"/.test(line));
