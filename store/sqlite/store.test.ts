import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeContract } from '#test/contract/store.ts';
import { recordingLog } from '#test/support/log.ts';
import { openMailStore } from './store.ts';
import { openShardWriter } from './writer.ts';

storeContract('sqlite', async (options) => {
  const data = mkdtempSync(join(tmpdir(), 'store-'));
  const clock = { now: () => options.clock.now(), after: () => () => undefined };
  const log = recordingLog();
  const writer = await openShardWriter({
    data,
    shard: 0,
    log,
    clock,
    collectEvery: 0,
    retention: options.retention ?? {},
  });
  const store = openMailStore({
    data,
    shards: 1,
    locate: async () => 0,
    log,
    clock,
    writers: () => writer,
    ...(options.largestBody !== undefined && { largestBody: options.largestBody }),
  });
  return {
    store,
    collect: () => writer.collect(),
    async close() {
      await store.close();
      await writer.close();
      rmSync(data, { recursive: true });
      for (const { level, message, fields } of log.entries) if (level === 'error') console.error(message, fields);
    },
  };
});
