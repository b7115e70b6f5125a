/** What each of these benches needs: a folder that programs of other users can enter, a load, and an end in any case. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Missing } from './system.ts';

export interface Closing {
  close(): Promise<void>;
}

/** Runs `work`; what it gives to `keep` is closed afterwards, the last first, and the folder removed. */
export async function inBenchFolder(
  work: (folder: string, keep: <T extends Closing>(thing: T) => T) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'pp-bench-'));
  await chmod(folder, 0o755);
  const kept: Closing[] = [];
  const keep = <T extends Closing>(thing: T): T => {
    kept.push(thing);
    return thing;
  };
  try {
    await work(folder, keep);
  } finally {
    for (const thing of kept.toReversed()) await thing.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What can't run here is skipped by name, with the way to get it. */
export async function unlessMissing<T>(name: string, start: () => Promise<T>): Promise<T | undefined> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.log(`skipped: ${name}: ${error.message}`);
    return undefined;
  }
}
