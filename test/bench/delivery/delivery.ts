/**
 * `npm run bench -- delivery`: messages a second from the first MAIL to being visible by IMAP, durable before each 250; Debian's Postfix with Dovecot behind it,
 * and a whole Peerpost, by turns on the same machine under the same load.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inBenchFolder, unlessMissing } from './bench-folder.ts';
import { startPostfixAndDovecot } from './foreign.ts';
import { buildFsyncShim } from './fsync-shim.ts';
import { type Load, startLoad } from './load.ts';
import { profiling, startPeer } from './peer.ts';
import { interleave, middle, ratios, spread } from './rounds.ts';
import type { MailSystem } from './system.ts';
import { type TrialOptions, type TrialResult, trial, Watch } from './trial.ts';

const NO_COMPILER = 'skipped: slow fsyncs and their number need a C compiler: apt-get install gcc libc6-dev';
const HELP = `Options: --rounds 5 --seconds 4 --accounts 1000 --rows 4k,100k,one,new,slow --dovecot maildir|sdbox|mdbox --workers 1
  --only peerpost (without the others) --profile FOLDER (CPU profiles of our processes and threads)  --against CHECKOUT (of another revision) --threads (our CPU by thread)  --short (one round of a second)`;

const OPTIONS = {
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '4' },
  accounts: { type: 'string', default: '1000' },
  rows: { type: 'string', default: '4k,100k,one,new,slow' },
  dovecot: { type: 'string', default: 'maildir' },
  workers: { type: 'string', default: '1' },
  only: { type: 'string' },
  profile: { type: 'string' },
  against: { type: 'string' },
  threads: { type: 'boolean', default: false },
  short: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

interface Row extends Omit<TrialOptions, 'accounts'> {
  readonly title: string;
  /** Milliseconds that each fsync takes longer. */
  readonly delay?: number;
}

const ROWS: { readonly [name: string]: Row } = {
  '4k': { title: '4 KB, 20 connections', size: 4096, connections: 20, reuse: true },
  '100k': { title: '100 KB, 20 connections', size: 102_400, connections: 20, reuse: true },
  one: { title: '4 KB, one connection', size: 4096, connections: 1, reuse: true },
  new: { title: '4 KB, a new connection for each, 20 at once', size: 4096, connections: 20, reuse: false },
  slow: { title: '4 KB, 20 connections, fsync takes 1 ms longer', size: 4096, connections: 20, reuse: true, delay: 1 },
};

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const accounts = Number(values.accounts);
  const rounds = values.short
    ? { rounds: 1, seconds: 1 }
    : { rounds: Number(values.rounds), seconds: Number(values.seconds) };
  await inBenchFolder(async (folder, keep) => {
    const load = keep(startLoad());
    const shims = { ours: buildFsyncShim(folder, 'ours'), theirs: buildFsyncShim(folder, 'theirs') };
    if (shims.ours === undefined) console.log(NO_COMPILER);
    const workers = Number(values.workers);
    const systems: MailSystem[] = [
      keep(
        await startPeer({
          folder: join(folder, 'ours'),
          accounts,
          shim: shims.ours,
          workers,
          env: profiling(values.profile),
        }),
      ),
    ];
    if (values.against !== undefined) {
      const shim = buildFsyncShim(folder, 'other');
      systems.push(keep(await startPeer({ folder: join(folder, 'other'), accounts, shim, checkout: values.against })));
    }
    if (values.only === undefined) {
      const format = values.dovecot as 'maildir' | 'sdbox' | 'mdbox';
      const options = { folder: join(folder, 'theirs'), accounts, shim: shims.theirs, format };
      const theirs = await unlessMissing('Postfix + Dovecot', () => startPostfixAndDovecot(options));
      if (theirs !== undefined) systems.push(keep(theirs));
    }
    for (const name of values.rows.split(',')) {
      const row = ROWS[name];
      if (row === undefined) throw new Error(`no row ${name}: ${Object.keys(ROWS).join(', ')}`);
      if (row.delay === undefined || shims.ours !== undefined) {
        const results = await runRow(row, systems, load, accounts, rounds);
        if (values.threads) for (const [i, each] of results.entries()) printThreads(systems[i]?.name ?? '', each);
      }
    }
  });
}

async function runRow(
  row: Row,
  systems: readonly MailSystem[],
  load: Load,
  accounts: number,
  rounds: { rounds: number; seconds: number },
): Promise<TrialResult[][]> {
  const watches = await Promise.all(systems.map((system) => Watch.open(system, accounts)));
  for (const { shim } of systems) shim?.delay(row.delay ?? 0);
  const contenders = systems.map((system, i) => ({
    name: system.name,
    measure: (messages: number) => trial(system, load, watches[i] as Watch, messages, { ...row, accounts }),
  }));
  const results = await interleave(contenders, { ...rounds, first: Math.round(2e6 / (row.size + 4000)) });
  for (const { shim } of systems) shim?.delay(0);
  for (const watch of watches) watch.close();
  console.log(`\n${row.title}`);
  for (const [i, { name }] of contenders.entries()) console.log(describe(name, results[i] ?? []));
  const [ours, theirs] = results;
  if (ours !== undefined && theirs !== undefined) console.log(`  ratio: ${spread(ratios(ours, theirs))}`);
  return results;
}

/** Threads that cost a microsecond or more, in the median. */
function printThreads(system: string, results: readonly TrialResult[]): void {
  console.log(`  ${system}, CPU a message by thread:`);
  const names = new Set(results.flatMap(({ threads }) => [...threads.keys()]));
  const medians = Array.from(names, (name) => {
    return { name, cpu: middle(results, ({ threads }) => threads.get(name) ?? 0) };
  });
  for (const { name, cpu } of medians.toSorted((a, b) => b.cpu - a.cpu)) {
    if (cpu >= 1) console.log(`    ${String(Math.round(cpu)).padStart(5)} µs  ${name}`);
  }
}

function describe(name: string, results: readonly TrialResult[]): string {
  const of = (pick: (result: TrialResult) => number): number => middle(results, pick);
  const fsyncs = of((result) => result.fsyncs ?? Number.NaN);
  return [
    `  ${name.padEnd(28)} ${spread(results.map(({ rate }) => rate))} messages/s`,
    `${spread(results.map(({ cpu }) => cpu))} µs CPU a message + ${Math.round(of(({ loadCpu }) => loadCpu))} of the load`,
    `250 after ${of(({ p50 }) => p50).toFixed(1)} ms (p99 ${of(({ p99 }) => p99).toFixed(1)})`,
    `${Math.round(of(({ written }) => written) / 1024)} KB written`,
    ...(Number.isNaN(fsyncs) ? [] : [`${fsyncs.toFixed(2)} fsyncs`]),
  ].join(', ');
}
