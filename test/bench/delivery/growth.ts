/** `npm run bench -- growth`: how delivery grows with workers (where there are cores for them) and with accounts; 4 KB, 20 connections. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inBenchFolder } from './bench-folder.ts';
import { startLoad } from './load.ts';
import { startPeer } from './peer.ts';
import { interleave, middle, spread } from './rounds.ts';
import { trial, Watch } from './trial.ts';

const HELP = 'Options: --rounds 3 --seconds 3 --workers 1,2,4 --accounts 10,100,1000,10000 --short';
const OPTIONS = {
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '3' },
  workers: { type: 'string', default: '1,2,4' },
  accounts: { type: 'string', default: '10,100,1000,10000' },
  short: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const ROW = { size: 4096, connections: 20, reuse: true };
const USUAL_ACCOUNTS = 1000;

interface Case {
  readonly workers: number;
  readonly accounts: number;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const rounds = values.short
    ? { rounds: 1, seconds: 1 }
    : { rounds: Number(values.rounds), seconds: Number(values.seconds) };
  const cores = availableParallelism();
  const numbers = (text: string): number[] => text.split(',').map(Number);
  const workers = numbers(values.workers).filter((count) => count <= Math.max(2, cores));
  const skipped = numbers(values.workers).filter((count) => !workers.includes(count));
  if (skipped.length > 0) console.log(`skipped: ${skipped.join(' and ')} workers: this machine has ${cores} cores`);
  await compare(
    workers.map((count) => ({ workers: count, accounts: USUAL_ACCOUNTS })),
    rounds,
  );
  for (const accounts of numbers(values.accounts)) await compare([{ workers: 1, accounts }], rounds);
}

/** Several peers by turns. */
async function compare(cases: readonly Case[], rounds: { rounds: number; seconds: number }): Promise<void> {
  await inBenchFolder(async (folder, keep) => {
    const load = keep(startLoad());
    const contenders = [];
    for (const { workers, accounts } of cases) {
      const peer = keep(await startPeer({ folder: join(folder, `${workers}-${accounts}`), accounts, workers }));
      const watch = await Watch.open(peer, accounts);
      const name = `${workers} worker(s), ${accounts} accounts`;
      contenders.push({ name, measure: (n: number) => trial(peer, load, watch, n, { ...ROW, accounts }) });
    }
    const results = await interleave(contenders, { ...rounds, first: 500 });
    for (const [i, { name }] of contenders.entries()) {
      const each = results[i] ?? [];
      const cpu = Math.round(middle(each, (result) => result.cpu));
      console.log(`growth  ${name.padEnd(28)} ${spread(each.map(({ rate }) => rate))} messages/s, ${cpu} µs CPU each`);
    }
  });
}
