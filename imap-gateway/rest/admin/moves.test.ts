import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { makeSecret } from '#store/secret.ts';
import { allRoutes } from '../routes.ts';
import { inputCheck } from '../validation.ts';

test('an account moves with as many forwards as the directory lets it have', async () => {
  const directory = createMemoryDirectory({ clock: { now: () => 1_000 } });
  await directory.change({ type: 'add-domain', name: 'one.test' });
  const secret = await makeSecret('pw');
  await directory.change({ type: 'add-account', id: 'a1', address: 'bob@one.test', shard: 0, secret });
  const targets = Array.from({ length: 100 }, (_, i) => `x${i}@far.test`);
  const forward = { targets, keep: true };
  await directory.change({ type: 'set-forward', id: 'a1', forward });
  const route = allRoutes.find(({ operationId }) => operationId === 'activateMove');
  assert.ok(route?.body);
  assert.deepEqual(inputCheck('body', route.body)({ version: 1, forward }), { version: 1, forward });
  await directory.close();
});
