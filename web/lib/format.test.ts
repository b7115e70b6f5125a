import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addresses, ago, counted, inLine, looksLikeAddress, readSize, size } from './format.js';

test('sizes are written short, and read back', () => {
  assert.deepEqual([0, 1, 1023, 1024, 1536, 5 * 1024 ** 3].map(size), [
    '0 bytes',
    '1 bytes',
    '1,023 bytes',
    '1 KB',
    '1.5 KB',
    '5 GB',
  ]);
  for (const octets of [1024, 1536, 500 * 1024 ** 2, 2 * 1024 ** 3, 7 * 1024 ** 4])
    assert.equal(readSize(size(octets)), octets);
});

test('a size without a unit is of gigabytes; nonsense is none', () => {
  assert.equal(readSize('5'), 5 * 1024 ** 3);
  assert.equal(readSize(' 2,5 g '), 2.5 * 1024 ** 3);
  assert.equal(readSize('500MB'), 500 * 1024 ** 2);
  for (const text of ['', '0', '-1', 'much', '5 XB', '1e9', '99999999 TB'])
    assert.equal(readSize(text), undefined, text);
});

test('times are told by how far away they are', () => {
  const now = Date.parse('2026-11-23T12:00:00Z');
  const at = (seconds: number): string => ago(new Date(now + seconds * 1000).toISOString(), now);
  assert.deepEqual([-10, 10].map(at), ['just now', 'in a moment']);
  assert.deepEqual([-50, -300, 7200, 86_400].map(at), ['1 minute ago', '5 minutes ago', 'in 2 hours', 'tomorrow']);
  assert.match(at(-30 * 86_400), /2026$/);
});

test('addresses are taken apart however they were listed', () => {
  assert.deepEqual(addresses(' a@x.test, b@y.test\n;c@z.test '), ['a@x.test', 'b@y.test', 'c@z.test']);
  assert.deepEqual(addresses(' \n'), []);
  assert.deepEqual(['a@b', 'a', '@b', 'a@', 'a@b@c'].map(looksLikeAddress), [true, false, false, false, false]);
  assert.equal(
    inLine({ name: 'Phone', scopes: [], to: ['a', 'b'], bytes: null, on: true }),
    'name: Phone; scopes: –; to: a, b; bytes: none; on: true',
  );
  assert.deepEqual([counted(1, 'message'), counted(1200, 'message')], ['1 message', '1,200 messages']);
});
