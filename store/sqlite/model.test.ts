/** Random clients against the model, over crashes: each crash goes on with what a power cut would have left on the disk. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyAsCrashed } from '#test/contract/crash.ts';
import type { StoreOptions } from '#test/contract/store.ts';
import { storeModel } from '#test/contract/store-model.ts';
import { silentLog } from '#test/support/log.ts';
import { openMailStore } from './store.ts';
import { openShardWriter } from './writer.ts';

storeModel(
  'sqlite over crashes',
  async (options) => {
    const root = mkdtempSync(join(tmpdir(), 'pp-'));
    let data = join(root, 'data');
    mkdirSync(data);
    const opened = [await open(data, options)];
    return {
      store: opened[0]!.store,
      collect: () => opened.at(-1)!.writer.collect(),
      async crash() {
        data = copyAsCrashed(data, root);
        opened.push(await open(data, options));
        return opened.at(-1)!.store;
      },
      async close() {
        for (const { store, writer } of opened) {
          await store.close();
          await writer.close();
        }
        rmSync(root, { recursive: true });
      },
    };
  },
  { runs: 10 },
);

async function open(data: string, options: StoreOptions) {
  const clock = { now: () => options.clock.now(), after: () => () => undefined };
  const shared = { data, clock, log: silentLog };
  const writer = await openShardWriter({ ...shared, shard: 0, collectEvery: 0, retention: options.retention });
  const store = openMailStore({ ...shared, shards: 1, locate: async () => 0, writers: () => writer, readers: 1 });
  return { store, writer };
}
