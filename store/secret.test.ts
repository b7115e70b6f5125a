import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { checkProof, makeProof, saltPassword } from '#mail/sasl/scram.ts';
import { makeSecret, PasswordChecker } from './secret.ts';

test('a password is recognised, another is not, and an unknown user never is', async () => {
  const checker = new PasswordChecker({ now: () => 0 });
  const { argon2 } = await makeSecret('correct horse');
  assert.equal(await checker.check(argon2, 'correct horse'), true);
  assert.equal(await checker.check(argon2, 'correct horse'), true, 'remembered');
  assert.equal(await checker.check(argon2, 'correct hors'), false);
  assert.equal(await checker.check(argon2, ''), false);
  assert.equal(await checker.check(undefined, 'correct horse'), false);
});

test('secrets of the same password differ, and hold it nowhere', async () => {
  const [one, two] = [await makeSecret('päss'), await makeSecret('päss')];
  assert.notDeepEqual(one.argon2.salt, two.argon2.salt);
  assert.notDeepEqual(one.argon2.hash, two.argon2.hash);
  assert.notDeepEqual(one.scram.storedKey, two.scram.storedKey);
});

test('what is remembered passes away, and a new password ends it at once', async () => {
  let now = 1000;
  const checker = new PasswordChecker({ now: () => now, rememberMs: 500 });
  const before = await makeSecret('a');
  assert.ok(await checker.check(before.argon2, 'a'));
  // A computation goes to another thread, so it is never done before promises alone have run their course.
  let known = false;
  void checker.check(before.argon2, 'a').then((right) => (known = right));
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  assert.ok(known, 'no computation');
  now += 501;
  assert.ok(await checker.check(before.argon2, 'a'), 'computed again');
  const after = await makeSecret('b');
  assert.equal(await checker.check(after.argon2, 'a'), false);
});

test('the SCRAM keys answer a client that knows the password', async () => {
  const { scram } = await makeSecret('pencil');
  const salted = await saltPassword('pencil', scram.salt, scram.iterations);
  const { proof } = makeProof(salted, 'n=user,r=x');
  assert.ok(checkProof(scram.storedKey, 'n=user,r=x', proof));
});

test('many at once all get their answer', async () => {
  const checker = new PasswordChecker({ now: () => 0, rememberMs: 0 });
  const { argon2 } = await makeSecret('x');
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, i) => checker.check(argon2, i % 2 === 0 ? 'x' : 'y')),
  );
  assert.deepEqual(answers, [true, false, true, false, true, false, true, false]);
});

test('a flood of passwords to check does not wait without bound', async () => {
  const checker = new PasswordChecker({ now: () => 0, rememberMs: 0 });
  const cheap = { salt: randomBytes(16), memory: 8, passes: 1, parallelism: 1, hash: randomBytes(32) };
  const flood = await Promise.allSettled(Array.from({ length: 2_000 }, (_, i) => checker.check(cheap, `${i}`)));
  const refused = flood.filter((one) => one.status === 'rejected');
  assert.ok(refused.length > 1_000, `${refused.length}`);
  assert.ok(refused.every(({ reason }) => reason.failure === 'unavailable'));
  const { argon2 } = await makeSecret('x');
  assert.equal(await checker.check(argon2, 'x'), true, 'afterwards all is well');
});
