/**
 * kill -9 of a process that writes all stores, at the points that a peer passes only after hours or megabytes: collection, worn segments, checkpoints.
 * The run is that of `power-store.test.ts`, whose time passes 300,000 times as fast. PEERPOST_STORE_TRIALS (16) makes it longer.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FaultPoint } from '#runtime/fault-points.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { generator } from '#test/support/random.ts';
import { readJournal } from './power/journal.ts';
import { checkStores, type StoreWord } from './power/store-check.ts';

const TRIALS = Number(process.env.PEERPOST_STORE_TRIALS ?? 16);
const seed = process.env.PEERPOST_SEED ?? randomBytes(4).toString('hex');

/** With the commits that it takes to come there, and how often it is passed then. */
const POINTS: readonly (readonly [point: FaultPoint, commits: number, passages: number])[] = [
  ['segment:sealed', 2_000, 10],
  ['segment:copied', 6_000, 2],
  ['segment:moved', 6_000, 2],
  ['store:collecting', 2_000, 20],
  ['store:segment-forgotten', 6_000, 2],
  ['checkpoint:before', 6_000, 1],
  ['checkpoint:after', 6_000, 1],
  ['queue:file-taken', 600, 10],
];

test(`kill -9 of the stores' writer at rare points, ${TRIALS} trials, seed ${seed}`, {
  timeout: 1_800_000,
}, async (t) => {
  const random = generator(seed);
  let held = 0;
  for (let n = 0; n < TRIALS; n++) {
    const [point, commits, passages] = POINTS[n % POINTS.length]!;
    const nth = 1 + Math.floor(random() * passages);
    const folder = join(temporaryFolder(t), String(n));
    mkdirSync(folder);
    const [data, journal] = [join(folder, 'data'), join(folder, 'journal')];
    const script = new URL('power/store-run.testkit.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [script, data, journal, `${seed}:${n}`, String(commits)], {
      stdio: ['ignore', 'inherit', 'pipe'],
      env: { ...process.env, PEERPOST_FAULT: `${point}:${nth}` },
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const [, signal] = (await once(child, 'close')) as [number | null, string | null];
    assert.equal(signal, 'SIGKILL', `${point}:${nth} was not passed in ${commits} commits: ${said}`);
    const words = readJournal(journal).flatMap((one) => (one.kind === 'mark' ? [one.word as StoreWord] : []));
    held += await checkStores(data, words);
  }
  t.diagnostic(`seed ${seed}: ${TRIALS} trials, answers held to ${held}, losses 0`);
});
