import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '#test/support/folder.ts';
import { checkShards } from './shards.ts';

test('fewer shards than there are is an error that says how many there are', async (t) => {
  const data = temporaryFolder(t);
  const store = { shards: 1, expungedRetention: 0, tombstoneRetention: 0 };
  await checkShards({ data: join(data, 'nowhere'), store });
  writeFileSync(join(data, 'shard-0.sqlite'), '');
  await checkShards({ data, store });
  writeFileSync(join(data, 'shard-1.sqlite'), '');
  await assert.rejects(checkShards({ data, store }), /holds 2 shards.*shards = 2 under \[store\]/);
  await checkShards({ data, store: { ...store, shards: 2 } });
});
