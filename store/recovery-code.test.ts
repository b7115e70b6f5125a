import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeRandom } from '#test/support/random.ts';
import { newAppPassword, readAppPassword } from './app-password.ts';
import { hashRecoveryCode, newRecoveryCodes, readRecoveryCode } from './recovery-code.ts';

test('ten codes, all different, read as they are typed', () => {
  const codes = newRecoveryCodes(fakeRandom());
  assert.equal(new Set(codes).size, 10);
  for (const code of codes) {
    assert.match(code, /^[b-z]{4}-[b-z]{4}-[b-z]{4}$/);
    assert.equal(readRecoveryCode(` ${code.toUpperCase().replaceAll('-', ' ')}`), code.replaceAll('-', ''));
    // One is never taken for the other.
    assert.equal(readAppPassword(code), undefined);
  }
  assert.equal(readRecoveryCode(newAppPassword(fakeRandom())), undefined);
  for (const none of ['', '123456', 'aaaa-aaaa-aaaa', `${codes[0]}b`]) assert.equal(readRecoveryCode(none), undefined);
});

test('what is kept is the same for every spelling, and another for each account', () => {
  const [code = ''] = newRecoveryCodes(fakeRandom());
  const kept = hashRecoveryCode(code, 'a1');
  assert.deepEqual(hashRecoveryCode(code.replaceAll('-', '').toUpperCase(), 'a1'), kept);
  assert.notDeepEqual(hashRecoveryCode(code, 'a2'), kept);
  assert.ok(!Buffer.from(kept).includes(Buffer.from(code)));
});
