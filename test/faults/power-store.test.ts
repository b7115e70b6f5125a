/**
 * Power cuts in a recorded run of the stores: what was answered before the cut is there. The method: `power/journal.c`, preloaded, writes down every
 * write, fsync and name; `power/disk.ts` plays that up to the cut and leaves out or tears what was not synced. PEERPOST_CUTS (200) makes it longer,
 * PEERPOST_SEED repeats the choices.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '#test/support/folder.ts';
import { generator } from '#test/support/random.ts';
import { Disk, type Mode } from './power/disk.ts';
import { buildLibrary, type JournalRecord, readJournal, recordingEnv } from './power/journal.ts';
import { checkStores, type StoreWord } from './power/store-check.ts';

const CUTS = Number(process.env.PEERPOST_CUTS ?? 200);
const COMMITS = Number(process.env.PEERPOST_MESSAGES ?? 500);
const AT_ONCE = 2;
const seed = process.env.PEERPOST_SEED ?? randomBytes(4).toString('hex');
const MODES: readonly Mode[] = ['synced', 'torn', 'torn', 'torn', 'names', 'all'];

test(`${CUTS} power cuts in the stores, seed ${seed}`, { timeout: 3_600_000 }, async (t) => {
  const folder = temporaryFolder(t);
  const library = buildLibrary(folder);
  if (library === undefined) return t.skip('needs Linux and a C compiler: apt-get install gcc libc6-dev');
  const { records, data, disk } = await record(folder, library);
  const random = generator(seed);
  const positions = choose(records, random);
  const figures = { words: 0, cuts: new Map<Mode, number>(), failures: [] as string[] };
  const words: StoreWord[] = [];
  const running = new Set<Promise<void>>();
  let at = 0;
  for (const [n, position] of positions.entries()) {
    for (; at < position; at++) play(disk, records[at]!, words);
    const mode = MODES[n % MODES.length]!;
    const target = join(folder, `cut${n}`);
    mkdirSync(target);
    disk.materialize(target, mode, random);
    const check = checkCut({ target, name: `cut ${position} (${mode})`, mode, words: words.slice() }, figures).finally(
      () => running.delete(check),
    );
    running.add(check);
    if (running.size >= AT_ONCE) await Promise.race(running);
  }
  await Promise.all(running);
  const by = [...figures.cuts].map(([mode, count]) => `${mode} ${count}`).join(', ');
  t.diagnostic(
    `seed ${seed}: ${records.length} records, ${positions.length} cuts (${by}), answers held to ${figures.words}, broken cuts ${figures.failures.length}`,
  );
  assert.deepEqual(figures.failures, []);
  complete(t, disk, records.slice(at), folder, data);
});

async function record(
  folder: string,
  library: string,
): Promise<{ records: JournalRecord[]; data: string; disk: Disk }> {
  const root = join(folder, 'root');
  const journal = join(folder, 'journal');
  // The data folder itself is `init`'s to make.
  const data = join(root, 'data');
  mkdirSync(data, { recursive: true });
  const disk = new Disk(root);
  const script = new URL('power/store-run.testkit.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, data, journal, seed, String(COMMITS)], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...recordingEnv(library, root, journal) },
  });
  const [code] = await once(child, 'exit');
  assert.equal(code, 0, 'the recorded run');
  return { records: readJournal(journal), data, disk };
}

/** Half of them right behind an answer, where it hurts most; in order. */
function choose(records: readonly JournalRecord[], random: () => number): number[] {
  const answers = records.flatMap(({ kind }, i) => (kind === 'mark' ? [i + 1] : []));
  const first = answers[0] ?? 0;
  const positions = Array.from({ length: CUTS }, (_, n) =>
    n % 2 === 0
      ? answers[Math.floor(random() * answers.length)]!
      : first + Math.floor(random() * (records.length - first)),
  );
  return positions.sort((a, b) => a - b);
}

function play(disk: Disk, one: JournalRecord, words: StoreWord[]): void {
  if (one.kind === 'mark') words.push(one.word as StoreWord);
  disk.play(one);
}

interface Cut {
  readonly target: string;
  readonly name: string;
  readonly mode: Mode;
  readonly words: readonly StoreWord[];
}

async function checkCut(
  cut: Cut,
  figures: { words: number; cuts: Map<Mode, number>; failures: string[] },
): Promise<void> {
  figures.cuts.set(cut.mode, (figures.cuts.get(cut.mode) ?? 0) + 1);
  try {
    figures.words += await checkStores(join(cut.target, 'data'), cut.words);
    rmSync(cut.target, { recursive: true });
  } catch (error) {
    figures.failures.push(`${cut.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

/** Played to its end, the journal holds what the disk really holds: no write went past it. */
function complete(t: TestContext, disk: Disk, rest: readonly JournalRecord[], folder: string, data: string): void {
  for (const one of rest) disk.play(one);
  const target = join(folder, 'end');
  mkdirSync(target);
  disk.materialize(target, 'all', () => 0);
  const files = (of: string): Map<string, Buffer> =>
    new Map(
      readdirSync(of, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((path) => [path.slice(of.length), readFileSync(path)]),
    );
  const [played, real] = [files(join(target, 'data')), files(data)];
  assert.deepEqual([...played.keys()].sort(), [...real.keys()].sort());
  for (const [name, bytes] of real) assert.ok(played.get(name)?.equals(bytes), `${name} is not what the journal says`);
  t.diagnostic(
    `the journal is complete: ${real.size} files of ${Math.round([...real.values()].reduce((sum, { length }) => sum + length, 0) / 1024)} kB`,
  );
}
