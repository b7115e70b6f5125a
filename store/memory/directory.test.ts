import assert from 'node:assert/strict';
import { test } from 'node:test';
import { directoryContract } from '#test/contract/directory.ts';
import { makeSecret } from '../secret.ts';
import { createMemoryDirectory } from './directory.ts';

directoryContract('memory', async (options) => {
  const directory = createMemoryDirectory(options);
  return { directory, close: () => directory.close() };
});

test('the local part alone is a login while there is one domain', async () => {
  const directory = createMemoryDirectory({ clock: { now: () => 0 } });
  await directory.change({ type: 'add-domain', name: 'one.test' });
  const secret = await makeSecret('pw');
  await directory.change({ type: 'add-account', id: 'a', address: 'bob@one.test', shard: 0, secret });
  await directory.change({ type: 'activate-account', id: 'a' });
  assert.ok(await directory.authenticate('Bob', 'pw'));
  assert.ok((await directory.scram('bob')).login);
  await directory.change({ type: 'add-domain', name: 'two.test' });
  assert.equal(await directory.authenticate('bob', 'pw'), undefined);
  assert.ok(await directory.authenticate('bob@one.test', 'pw'));
});
