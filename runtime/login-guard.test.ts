import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#test/support/clock.ts';
import { LocalCoordination } from './local-coordination.ts';
import { createLoginGuard } from './login-guard.ts';

test('failures count by address and by name, over everybody who asks', async () => {
  const coordination = new LocalCoordination(new FakeClock());
  const smtp = createLoginGuard(coordination, 3);
  const imap = createLoginGuard(coordination, 3);
  assert.equal(await smtp.failed('192.0.2.1', 'Bob@a.test'), 1);
  assert.equal(await imap.failed('192.0.2.2', 'bob@A.test'), 2);
  assert.ok(await imap.mayTryAs('192.0.2.9', 'bob@a.test'));
  assert.equal(await imap.failed('192.0.2.3', 'bob@a.test'), 3);
  assert.equal(await smtp.mayTryAs('192.0.2.9', 'bob@a.test'), false);
  assert.ok(await smtp.mayTryAs('192.0.2.9', 'ann@a.test'));
  assert.ok(await smtp.mayTry('192.0.2.1'), 'each address failed but once');
  await smtp.failed('192.0.2.1', 'x');
  await smtp.failed('192.0.2.1', 'y');
  assert.equal(await imap.mayTry('192.0.2.1'), false);
});

test('who logged in from an address is not locked out there by others', async () => {
  const clock = new FakeClock();
  const guard = createLoginGuard(new LocalCoordination(clock), 2);
  await guard.succeeded('192.0.2.1', 'bob@a.test');
  for (const attacker of ['198.51.100.1', '198.51.100.2']) await guard.failed(attacker, 'bob@a.test');
  assert.equal(await guard.mayTryAs('198.51.100.3', 'bob@a.test'), false);
  assert.ok(await guard.mayTryAs('192.0.2.1', 'BOB@a.test'));
  await clock.advance(120_000);
  assert.ok(await guard.mayTryAs('198.51.100.3', 'bob@a.test'));
});

test('the addresses of an IPv6 /64 count as one', async () => {
  const guard = createLoginGuard(new LocalCoordination(new FakeClock()), 2);
  await guard.failed('2001:db8::1', 'a');
  await guard.failed('2001:db8::ffff:2', 'b');
  assert.equal(await guard.mayTry('2001:db8::3'), false);
  assert.ok(await guard.mayTry('2001:db8:0:1::3'));
});
