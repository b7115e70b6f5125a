/**
 * Power cuts in a recorded run of a whole peer under mail: on what each leaves the peer starts by itself, and what people were told before is true. The
 * method is that of `power-store.test.ts`. PEERPOST_PEER_CUTS (24) makes it longer, PEERPOST_SEED repeats the choices.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '#test/support/folder.ts';
import { generator } from '#test/support/random.ts';
import { prepareTestPeer, type TestPeer } from '#test/support/system.ts';
import { Admin } from './kill/admin.ts';
import { MailClient } from './kill/client.ts';
import { startFarPeer } from './kill/far-peer.ts';
import { Ledger } from './kill/ledger.ts';
import { WatchedMailbox } from './kill/mailboxes.ts';
import { byBdat, byData, byLmtp, bySubmission, PASSWORD_USERS, pause, type SenderRooms } from './kill/senders.ts';
import { judgeFolder } from './kill/verdict.ts';
import { Disk, type Mode } from './power/disk.ts';
import { buildLibrary, type JournalRecord, mark, readJournal, recordingEnv } from './power/journal.ts';
import { checkPeer, type PeerWord } from './power/peer-check.ts';

const CUTS = Number(process.env.PEERPOST_PEER_CUTS ?? 24);
const RUN_MS = 4_000;
const LOOK_MS = 200;
const DRAIN_MS = 60_000;
const seed = process.env.PEERPOST_SEED ?? randomBytes(4).toString('hex');
const MODES: readonly Mode[] = ['synced', 'torn', 'torn', 'names'];

test(`${CUTS} power cuts in a peer, seed ${seed}`, { timeout: 3_600_000 }, async (t) => {
  const folder = temporaryFolder(t);
  const library = buildLibrary(folder);
  if (library === undefined) return t.skip('needs Linux and a C compiler: apt-get install gcc libc6-dev');
  const journal = join(folder, 'journal');
  // Node's own files, thousands of them, are checked by Node.
  process.env.NODE_COMPILE_CACHE = join(folder, 'code');
  t.after(() => delete process.env.NODE_COMPILE_CACHE);
  let note = (word: PeerWord): void => mark(journal, word);
  const ledger = new Ledger('p', (word) => note(word));
  const far = await startFarPeer(ledger);
  t.after(() => far.close());
  const peer = await prepareTestPeer({
    domain: 'alpha.test',
    users: ['ann', 'ben', 'cat', 'dan'],
    routes: { 'far.test': `smtp://127.0.0.1:${far.port}` },
    delivery: ['retry = ["1s"]'],
  });
  t.after(() => peer.close());
  const root = dirname(peer.data);
  const disk = new Disk(root);
  await record(peer, ledger, () => note, recordingEnv(library, root, journal));
  const records = readJournal(journal);
  far.check();

  // From here on the foreign peer's copies count for the cut that is looked at.
  const got = new Set<string>();
  note = (word) => {
    if (word.type === 'copy') got.add(`${word.id} ${word.who}`);
  };
  const random = generator(seed);
  const words: PeerWord[] = [];
  const failures: string[] = [];
  let [at, held] = [0, 0];
  for (const [n, position] of choose(records, random).entries()) {
    for (; at < position; at++) play(disk, records[at]!, words);
    const mode = MODES[n % MODES.length]!;
    rmSync(root, { recursive: true });
    mkdirSync(root);
    disk.materialize(root, mode, random);
    got.clear();
    try {
      held += await afterCut(peer, ledger, words, got);
      far.check();
    } catch (error) {
      failures.push(
        `cut ${position} (${mode}): ${error instanceof Error ? error.stack : String(error)}\n${peer.log().slice(-3000)}`,
      );
      await peer.stop();
    }
  }
  t.diagnostic(
    `seed ${seed}: ${records.length} records, ${CUTS} cuts, answers held to ${held}, broken cuts ${failures.length}`,
  );
  assert.deepEqual(failures, []);
});

/** Mail by all ways for some seconds, under the journal. */
async function record(
  peer: TestPeer,
  ledger: Ledger,
  note: () => (word: PeerWord) => void,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  Object.assign(process.env, environment);
  await peer.start();
  for (const name of Object.keys(environment)) delete process.env[name];
  const stop = new AbortController();
  const rooms: SenderRooms = { peer, ledger, random: Math.random, signal: stop.signal, pace: 40 };
  const work = [
    byData(rooms),
    byBdat(rooms),
    bySubmission(rooms, () => false),
    byLmtp(rooms),
    new MailClient(rooms, 'dan').run(),
  ];
  const mailboxes = PASSWORD_USERS.map((user) => ({
    user,
    seen: 0,
    mailbox: new WatchedMailbox(peer, user, 'INBOX', ledger),
  }));
  try {
    const until = Date.now() + RUN_MS;
    while (Date.now() < until) {
      await pause(LOOK_MS);
      for (const one of mailboxes) {
        await one.mailbox.look();
        const known = [...one.mailbox.known].slice(one.seen);
        one.seen += known.length;
        note()({ type: 'seen', user: one.user, numbers: one.mailbox.numbers, known });
      }
    }
  } finally {
    stop.abort();
    await Promise.all(work);
    for (const { mailbox } of mailboxes) mailbox.close();
  }
  await peer.stop();
}

function choose(records: readonly JournalRecord[], random: () => number): number[] {
  const answers = records.flatMap(({ kind }, i) => (kind === 'mark' ? [i + 1] : []));
  const positions = Array.from({ length: CUTS }, (_, n) =>
    n % 2 === 0 ? answers[Math.floor(random() * answers.length)]! : Math.floor(random() * records.length),
  );
  return positions.sort((a, b) => a - b);
}

function play(disk: Disk, one: JournalRecord, words: PeerWord[]): void {
  if (one.kind === 'mark') words.push(one.word as PeerWord);
  disk.play(one);
}

async function afterCut(peer: TestPeer, ledger: Ledger, words: readonly PeerWord[], got: Set<string>): Promise<number> {
  for (const word of words) {
    // What the foreign peer had taken before the cut; our own mailboxes are read anew.
    const fate = word.type === 'copy' ? ledger.get(word.id)?.to.get(word.who) : undefined;
    if (word.type === 'copy' && fate !== 'local') got.add(`${word.id} ${word.who}`);
  }
  await peer.start();
  const stop = new AbortController();
  const admin = await Admin.open({ peer, ledger, random: Math.random, signal: stop.signal, pace: 100 });
  await admin.drain(DRAIN_MS);
  await admin.close();
  const held = await checkPeer(peer, ledger, words, got);
  await peer.stop();
  await judgeFolder(peer.data, 2);
  return held;
}
