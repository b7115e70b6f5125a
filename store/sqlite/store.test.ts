import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyAsCrashed } from '#test/contract/crash.ts';
import type { StoreOptions } from '#test/contract/store/kit.ts';
import { type OpenStore, storeContract } from '#test/contract/store.ts';
import { storeModel } from '#test/contract/store-model.ts';
import { silentLog } from '#test/support/log.ts';
import { openMailStore } from './store.ts';
import { openShardWriter } from './writer.ts';

async function openOn(data: string, options: StoreOptions) {
  const clock = { now: () => options.clock.now(), after: () => () => undefined };
  const { retention, largestBody } = options;
  const log = silentLog;
  const writer = await openShardWriter({ data, shard: 0, log, clock, collectEvery: 0, retention });
  const store = openMailStore({
    data,
    shards: 1,
    locate: async () => 0,
    log,
    clock,
    writers: () => writer,
    largestBody,
  });
  const close = async (): Promise<void> => {
    await store.close();
    await writer.close();
  };
  return { writer, store, close };
}

const open: OpenStore = async (options) => {
  const parent = mkdtempSync(join(tmpdir(), 'store-'));
  let data = join(parent, 'data');
  let life = await openOn(data, options);
  return {
    store: life.store,
    collect: () => life.writer.collect(),
    async crash() {
      const before = life;
      const old = data;
      data = copyAsCrashed(data, parent);
      life = await openOn(data, options);
      await before.close();
      rmSync(old, { recursive: true });
      return life.store;
    },
    async close() {
      await life.close();
      rmSync(parent, { recursive: true });
    },
  };
};

storeContract('sqlite', open);
storeModel('sqlite', open, { runs: 25 });
