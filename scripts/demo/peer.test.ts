import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '#config/load.ts';
import { openSystem } from '../cli/system.ts';
import { preparePeer } from './peer.ts';
import { planPeers } from './plan.ts';

test('a demo whose people were renamed starts again', async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'peerpost-demo-'));
  t.after(() => rm(data, { recursive: true, force: true }));
  const [peer] = planPeers({ data, domains: 'alpha.test', portBase: 10_000 });
  assert.ok(peer);
  await preparePeer(peer);
  const addresses = async (rename: boolean) => {
    const system = await openSystem(await loadConfig(peer.config));
    try {
      const [first] = await system.directory.accounts();
      assert.ok(first);
      const change = { type: 'rename-account', id: first.id, address: 'new@alpha.test', alias: true } as const;
      if (rename) await system.directory.change(change);
      return (await system.directory.accounts()).map(({ address }) => address).sort();
    } finally {
      await system.close();
    }
  };
  const renamed = await addresses(true);
  await preparePeer(peer);
  assert.deepEqual(await addresses(false), renamed);
  assert.equal(renamed.includes('new@alpha.test'), true);
});
