import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readChoices, readExpiry, readLimit, readSize } from './arguments.ts';
import { octets, UsageError } from './output.ts';

test('sizes', () => {
  assert.deepEqual(['5GB', '1000', 'none', '1 KiB'].map(readSize), [5 * 1024 ** 3, 1_000, null, 1_024]);
  for (const wrong of ['', '0', '-1', '1.5', 'much', '99999999999999999999']) {
    assert.throws(() => readSize(wrong), UsageError, wrong);
  }
});

test('a size is shown as it is written', () => {
  assert.deepEqual(
    ['5GB', '1000', '1KB', '1536', '1023KB', '250MB'].map((text) => octets(readSize(text)!)),
    ['5 GB', '1000 B', '1 KB', '1.5 KB', '1023 KB', '250 MB'],
  );
});

test('when a token ends: a span, a day or a moment, in the future', () => {
  const now = Date.UTC(2027, 0, 1);
  assert.equal(readExpiry('1h30m', now), now + 5_400_000);
  assert.equal(readExpiry('2027-01-31', now), Date.UTC(2027, 0, 31));
  assert.equal(readExpiry('2027-01-31T12:00:00+01:00', now), Date.UTC(2027, 0, 31, 11));
  for (const wrong of ['', 'soon', '0s', '2026-12-31', '2027-13-01', '17', 'tomorrow']) {
    assert.throws(() => readExpiry(wrong, now), UsageError, wrong);
  }
});

test('choices, by commas or apart, and limits', () => {
  assert.deepEqual(readChoices('scope', ['a,b', 'c'], ['a', 'b', 'c']), ['a', 'b', 'c']);
  assert.deepEqual(readChoices('scope', undefined, ['a']), []);
  assert.throws(() => readChoices('scope', ['d'], ['a']), UsageError);
  assert.equal(readLimit('50'), 50);
  for (const wrong of ['0', 'x', '1.5', '10001']) assert.throws(() => readLimit(wrong), UsageError);
});
