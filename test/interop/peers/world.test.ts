import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ForeignKind } from './foreign-peer.ts';
import { startWorld } from './world.ts';

test('a server that fails to start leaves no folder behind', async () => {
  let folder = '';
  const failing: ForeignKind = {
    name: 'failing',
    offers: [],
    lacks: {},
    missing: () => false,
    async start(options) {
      folder = options.folder;
      await writeFile(join(folder, 'log'), 'no');
      throw new Error('it will not start');
    },
  };
  await assert.rejects(startWorld(failing, { theirs: [], ours: [] }), /it will not start/);
  assert.notEqual(folder, '');
  assert.ok(!existsSync(folder), folder);
});
