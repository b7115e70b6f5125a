import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '#test/support/folder.ts';
import { checkReach, childIdentity } from './identity.ts';

const notRoot = process.getuid?.() === 0 ? false : 'needs root';

test('a user is a name of this system, or numbers', { skip: notRoot }, () => {
  assert.equal(childIdentity(undefined), undefined);
  assert.deepEqual(childIdentity('61234'), { uid: 61_234, gid: 61_234 });
  assert.deepEqual(childIdentity('61234:5'), { uid: 61_234, gid: 5 });
  assert.notEqual(childIdentity('nobody')?.uid, 0);
  assert.throws(() => childIdentity('no-such-user-here'), /has no user no-such-user-here; create it/);
});

test('a data folder that the user cannot come to is refused, with the way out', (t) => {
  const folder = temporaryFolder(t);
  const data = join(folder, 'data');
  mkdirSync(data);
  chmodSync(folder, 0o700);
  const other = { uid: 61_234, gid: 61_234 };
  assert.throws(() => checkReach(other, data), /may not enter .*chmod a\+x/);
  chmodSync(folder, 0o711);
  checkReach(other, data);
});
