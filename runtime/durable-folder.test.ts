import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '#test/support/folder.ts';
import { makeDurableFolder, syncFolder } from './durable-folder.ts';

test('a folder is made with those above it, for the owner alone, and may be there already', async (t) => {
  const path = join(temporaryFolder(t), 'a', 'b', 'c');
  await makeDurableFolder(path);
  await makeDurableFolder(path);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  await syncFolder(path);
});

test('a folder that cannot be made is an error', async () => {
  await assert.rejects(makeDurableFolder('/dev/null/folder'), { code: 'ENOTDIR' });
});
