/**
 * `npm run fuzz -- [NAME…] [--seconds N] [--seed S] [--at I] [--list]`: each target for N seconds (20 unless told), as many at a time as there are cores, two
 * at most. Prints seed, executions and findings, and fails when there are any. `--at` runs one execution of one target again.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { targetNames } from './targets.ts';
import type { Finding, WorkerOrder } from './worker.ts';

/** Milliseconds without an execution that ends: it hangs. */
const HANG = 30_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: process.env.FUZZ_SECONDS ?? '20' },
    seed: { type: 'string' },
    at: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  if (values.list) {
    console.log(targetNames().join('\n'));
    return 0;
  }
  const names = positionals.length > 0 ? positionals : targetNames();
  const unknown = names.filter((name) => !targetNames().includes(name));
  if (unknown.length > 0) {
    console.error(`No target ${unknown.join(', ')}. There are: ${targetNames().join(', ')}`);
    return 2;
  }
  const seed = Number(values.seed ?? Date.now() % 1_000_000_000);
  const seconds = Number(values.seconds);
  console.log(`fuzz: seed ${seed}, ${seconds} s each`);
  const waiting = [...names];
  let findings = 0;
  const lane = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const found = await run(name, seed, seconds);
      findings += found;
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, lane));
  console.log(findings === 0 ? 'fuzz: no findings' : `fuzz: ${findings} findings`);
  return findings === 0 ? 0 : 1;
}

function run(name: string, seed: number, seconds: number): Promise<number> {
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const order: WorkerOrder = {
    name,
    seed,
    seconds,
    progress,
    ...(values.at !== undefined && { only: Number(values.at) }),
  };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: order,
    // What holds on to its input shows here.
    resourceLimits: { maxOldGenerationSizeMb: 768 },
  });
  let findings = 0;
  const tell = (finding: Finding): void => {
    findings += 1;
    print(finding);
  };
  const here = (what: string): Finding => ({ name, seed, execution: progress[0] ?? 0, what });
  return new Promise((resolve) => {
    let last = -1;
    const watch = setInterval(() => {
      const ended = progress[1] ?? 0;
      if (ended !== last) {
        last = ended;
        watch.refresh();
        return;
      }
      tell(here(`hangs: nothing ended for ${HANG / 1000} s`));
      void worker.terminate();
    }, HANG);
    worker.on('message', tell);
    worker.on('error', (error) =>
      tell(here(`ends the thread: ${error instanceof Error ? error.stack : String(error)}`)),
    );
    worker.on('exit', () => {
      clearInterval(watch);
      console.log(`fuzz: ${name.padEnd(12)} seed ${seed}  ${progress[1]} executions  ${findings} findings`);
      resolve(findings);
    });
  });
}

function print({ name, seed, execution, what, input }: Finding): void {
  console.log(`\nFINDING in ${name}: ${what}`);
  if (input !== undefined) {
    const file = join(tmpdir(), `peerpost-fuzz-${name}-${seed}-${execution}`);
    writeFileSync(file, input);
    console.log(
      `  input (${input.length} octets, in ${file}): ${JSON.stringify(Buffer.from(input).toString('latin1')).slice(0, 600)}`,
    );
  }
  console.log(`  again: npm run fuzz -- ${name} --seed ${seed} --at ${execution}\n`);
}
