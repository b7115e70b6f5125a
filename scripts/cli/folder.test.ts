import assert from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '#test/support/folder.ts';
import { makeFolder } from './folder.ts';

test('makeFolder() makes what is missing, for the owner alone, and takes what is there', async (t) => {
  const path = join(temporaryFolder(t), 'a', 'b');
  await makeFolder(path);
  await makeFolder(path);
  assert.equal((await stat(path)).mode & 0o777, 0o700);
});

test('makeFolder() fails where no folder can be', async (t) => {
  const file = join(temporaryFolder(t), 'file');
  await writeFile(file, '');
  await assert.rejects(makeFolder(join(file, 'b')), { code: 'EEXIST' });
  if (process.platform === 'linux') await assert.rejects(makeFolder('/proc/no-such-folder'), { code: 'ENOENT' });
});
