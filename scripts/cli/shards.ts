import { readdir } from 'node:fs/promises';
import type { Config } from '#config/config.ts';
import { CommandError } from './output.ts';

/** Shards may grow and never shrink: without a writer, whoever lives in one beyond the count would be out of reach. */
export async function checkShards({ data, store }: Pick<Config, 'data' | 'store'>): Promise<void> {
  const names = await readdir(data).catch((): string[] => []);
  const numbers = names.flatMap((name) => /^shard-(\d+)\.sqlite$/.exec(name)?.[1] ?? []).map(Number);
  const needed = Math.max(0, ...numbers.map((n) => n + 1));
  if (needed <= store.shards) return;
  throw new CommandError(
    'too-few-shards',
    `${data} holds ${needed} shards, and the configuration says ${store.shards}: write shards = ${needed} under [store]`,
  );
}
