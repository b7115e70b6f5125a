import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { makeSecret } from '#store/secret.ts';
import { resolveAddress } from './addresses.ts';

const directory = createMemoryDirectory({ clock: { now: () => 0 } });
before(async () => {
  const secret = await makeSecret('pw');
  await directory.change({ type: 'add-domain', name: 'a.test' });
  await directory.change({ type: 'add-domain', name: 'b.test', aliasOf: 'a.test' });
  for (const id of ['ann', 'bob', 'cat', 'dan', 'eve']) {
    await directory.change({ type: 'add-account', id, address: `${id}@a.test`, shard: 0, secret });
    await directory.change({ type: 'activate-account', id });
  }
  const alias = (address: string, ...targets: string[]) => directory.change({ type: 'add-alias', address, targets });
  await alias('team@a.test', 'ann@a.test', 'inner@b.test');
  await alias('inner@a.test', 'bob+x@a.test', 'x@else.test', 'nobody@b.test');
  await alias('own@b.test', 'ann@a.test');
  const forward = (id: string, keep: boolean, ...targets: string[]) =>
    directory.change({ type: 'set-forward', id, forward: { targets, keep } });
  await forward('bob', true, 'y@else.test');
  await forward('dan', false, 'eve@a.test');
  await forward('eve', false, 'dan@a.test');
  await directory.change({ type: 'set-moved', id: 'cat', moved: { to: 'cat@new.test', how: 'reject' } });
});

const ends = async (text: string) => {
  const { accounts, elsewhere, refused } = await resolveAddress({ directory }, text);
  return { accounts, elsewhere, refused };
};
const first = async (text: string) => (await resolveAddress({ directory }, text)).steps[0];

test('an account, by its name, with detail, in an alias domain, as postmaster', async () => {
  const account = { id: 'ann', address: 'ann@a.test' };
  assert.deepEqual(await first('Ann@a.test'), { address: 'Ann@a.test', kind: 'account', how: 'name', account });
  assert.deepEqual(await first('ann+Lists@b.test'), {
    address: 'ann+Lists@b.test',
    kind: 'account',
    how: 'detail',
    domain: 'a.test',
    account,
    detail: 'Lists',
  });
  assert.deepEqual(await first('abuse@a.test'), { address: 'abuse@a.test', kind: 'account', how: 'role', account });
});

test('an alias is followed to its ends, through others, domains and forwards', async () => {
  const { steps, ...found } = await resolveAddress({ directory }, 'team@a.test');
  assert.deepEqual(found, {
    address: 'team@a.test',
    accounts: ['ann@a.test', 'bob@a.test'],
    elsewhere: ['x@else.test', 'y@else.test'],
    refused: ['nobody@b.test'],
  });
  assert.deepEqual(
    steps.map(({ address, from, kind, how, domain }) => [address, from, kind, how, domain]),
    [
      ['team@a.test', undefined, 'alias', 'name', undefined],
      ['ann@a.test', 'team@a.test', 'account', 'name', undefined],
      ['inner@b.test', 'team@a.test', 'alias', 'name', 'a.test'],
      ['bob+x@a.test', 'inner@b.test', 'account', 'detail', undefined],
      ['x@else.test', 'inner@b.test', 'foreign', undefined, undefined],
      ['nobody@b.test', 'inner@b.test', 'unknown', undefined, undefined],
      ['y@else.test', 'bob+x@a.test', 'foreign', undefined, undefined],
    ],
  );
  assert.deepEqual((await first('own@b.test'))?.domain, undefined);
});

test('what is moved, foreign, unknown, in a circle or no address', async () => {
  assert.deepEqual(await ends('cat@a.test'), { accounts: [], elsewhere: [], refused: ['cat@a.test'] });
  assert.deepEqual((await first('cat@a.test'))?.moved, { to: 'cat@new.test', how: 'reject' });
  assert.deepEqual(await ends('x@else.test'), { accounts: [], elsewhere: ['x@else.test'], refused: [] });
  assert.deepEqual(await ends('who@a.test'), { accounts: [], elsewhere: [], refused: ['who@a.test'] });
  assert.deepEqual(await ends('dan@a.test'), { accounts: ['dan@a.test'], elsewhere: [], refused: [] });
  await assert.rejects(resolveAddress({ directory }, 'no address'), { failure: 'bad-request' });
});

test('a catch-all, of the domain itself or of what it stands for', async () => {
  await directory.change({ type: 'add-alias', address: '@a.test', targets: ['ann@a.test'] });
  const catchAll = { kind: 'alias', how: 'catch-all', targets: ['ann@a.test'] };
  assert.deepEqual(await first('who@a.test'), { address: 'who@a.test', ...catchAll });
  assert.deepEqual(await first('who+x@b.test'), { address: 'who+x@b.test', ...catchAll, domain: 'a.test' });
  await directory.change({ type: 'add-alias', address: '@b.test', targets: ['bob@a.test'] });
  assert.equal((await first('who@b.test'))?.domain, undefined);
});
