import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSpool } from './spool.ts';

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spool-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a spool file holds what was written, and is gone when it was removed', async () => {
  await inFolder(async (folder) => {
    const spool = await openSpool({ folder: join(folder, 'spool'), owner: 7, isAlive: () => false });
    const file = await spool.create('abc');
    await file.write(Buffer.from('one'));
    await file.write(Buffer.from('two'));
    await file.close();
    assert.equal(await readFile(file.path, 'utf8'), 'onetwo');
    await file.remove();
    assert.deepEqual(await readdir(join(folder, 'spool')), []);
  });
});

test('what dead processes left is removed at start, and nothing else', async () => {
  await inFolder(async (folder) => {
    for (const name of ['7-mine', '8-alive', '9-dead', 'README', '9-DEAD.txt']) await writeFile(join(folder, name), '');
    await openSpool({ folder, owner: 7, isAlive: (owner) => owner === 8 });
    assert.deepEqual((await readdir(folder)).toSorted(), ['8-alive', '9-DEAD.txt', 'README']);
  });
});

test('two files of one id are a fault, not a mixture', async () => {
  await inFolder(async (folder) => {
    const spool = await openSpool({ folder, owner: 7, isAlive: () => false });
    const file = await spool.create('abc');
    await assert.rejects(spool.create('abc'), { code: 'EEXIST' });
    await file.remove();
  });
});
