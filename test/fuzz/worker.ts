/** Runs one target in a thread of its own until its time is over, telling how far it is; what it finds it tells at once. */
import { parentPort, workerData } from 'node:worker_threads';
import { mutate } from './mutate.ts';
import { FuzzRandom } from './random.ts';
import type { Target } from './target.ts';
import { findTarget } from './targets.ts';

export interface WorkerOrder {
  readonly name: string;
  readonly seed: number;
  readonly seconds: number;
  /** Only this execution. */
  readonly only?: number;
  /** [0]: the execution in hand; [1]: how many ended. */
  readonly progress: Int32Array;
}

export interface Finding {
  readonly name: string;
  readonly seed: number;
  readonly execution: number;
  readonly what: string;
  /** The smallest input found that shows it; absent for a property. */
  readonly input?: Uint8Array;
}

/** Milliseconds of CPU for one input of at most 32 KB. */
const SLOW = 2_000;
/** Each so many executions, properties take a turn. */
const TURN = 500;

const order = workerData as WorkerOrder;
await fuzz(findTarget(order.name));

async function fuzz(target: Target): Promise<void> {
  const { seed, seconds, only, progress } = order;
  const seeds = target.seeds();
  const end = performance.now() + seconds * 1000;
  const seen = new Set<string>();
  const report = (execution: number, what: string, input?: Uint8Array): void => {
    // One place in the code is one finding.
    const key = what.replace(/\d+/g, 'N').slice(0, 300);
    if (seen.has(key) || seen.size >= 10) return;
    seen.add(key);
    parentPort?.postMessage({ name: target.name, seed, execution, what, ...(input && { input }) } satisfies Finding);
  };
  for (let i = only ?? 0; only === undefined ? performance.now() < end : i === only; i += 1) {
    progress[0] = i;
    if (i % TURN === 0) {
      const problem = checkProperties(target, seed + i);
      if (problem !== undefined) report(i, problem);
    }
    const input = mutate(new FuzzRandom(seed, target.name, i), seeds, target.dictionary);
    const problem = await attempt(target, input, i);
    if (problem !== undefined) report(i, problem, await smaller(target, input, i));
    progress[1] = (progress[1] ?? 0) + 1;
  }
}

async function attempt(target: Target, input: Buffer, execution: number): Promise<string | undefined> {
  const before = process.threadCpuUsage();
  try {
    await target.run(input, new FuzzRandom('run', execution));
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const { user, system } = process.threadCpuUsage(before);
  const cpu = (user + system) / 1000;
  return cpu > SLOW ? `slow: ${Math.round(cpu)} ms for ${input.length} octets` : undefined;
}

function checkProperties(target: Target, seed: number): string | undefined {
  try {
    for (const property of target.properties ?? []) property(seed);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Leaves out what is not needed for the same kind of failure, for a while. */
async function smaller(target: Target, input: Buffer, execution: number): Promise<Buffer> {
  let best = input;
  let tries = 0;
  for (let size = Math.ceil(best.length / 2); size >= 1 && tries < 400; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length && tries < 400; tries += 1) {
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      const problem = await attempt(target, shorter, execution);
      if (problem !== undefined && !problem.startsWith('slow')) best = shorter;
      else at += size;
    }
  }
  return best;
}
