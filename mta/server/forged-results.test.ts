import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authservId, withoutForgedResults } from './forged-results.ts';

test('the authserv-id is found behind comments, quotes and folds', () => {
  for (const [value, id] of [
    [' mx.us.test; dkim=pass', 'mx.us.test'],
    [' mx.us.test 1; none', 'mx.us.test'],
    [' MX.Us.Test.;none', 'mx.us.test'],
    ['\r\n\t(a (nested \\) one) comment)\r\n mx.us.test(or not) 1; none', 'mx.us.test'],
    [' "mx.us.test"; none', 'mx.us.test'],
    [' "mx.u\\s.test"; none', 'mx.us.test'],
    ['mx.them.test; spf=pass smtp.mailfrom=mx.us.test', 'mx.them.test'],
    [' ; dkim=pass', undefined],
    [' (mx.us.test; dkim=pass', undefined],
    ['', undefined],
  ] as const) {
    assert.equal(authservId(value), id, value);
  }
});

test('only fields of that name in the header go, and nothing else changes', () => {
  const clean = 'Subject: Authentication-Results: mx.us.test; none\r\nAuthentication-Results: mx.them.test; none\r\n';
  const forged = 'authentication-RESULTS :\r\n mx.US.test;\r\n\tdkim=pass\r\n';
  const body = '\r\nAuthentication-Results: mx.us.test; none\r\n';
  const message = Buffer.from(`${forged}${clean}${forged}${'X: y\r\n'.repeat(20_000)}${forged}${body}`);
  const length = message.indexOf('\r\n\r\n') + 2;
  const expected = `${clean}${'X: y\r\n'.repeat(20_000)}${body}`;
  assert.equal(withoutForgedResults(message, length, 'mx.us.test').toString(), expected);
  const untouched = Buffer.from(clean + body);
  assert.equal(withoutForgedResults(untouched, clean.length, 'mx.us.test'), untouched);
});

test('a hostile field stays cheap', () => {
  const message = Buffer.from(`Authentication-Results: ${'('.repeat(100_000)}${'"\\'.repeat(50_000)}\r\n\r\n`);
  withoutForgedResults(message, message.length - 2, 'mx.us.test');
});
