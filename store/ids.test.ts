import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { isId, newId } from './ids.ts';

const random = { bytes: (n: number) => randomBytes(n), fraction: Math.random };

test('ids are random, of one length, and safe as JMAP ids', () => {
  const ids = new Set<string>();
  for (let i = 0; i < 2000; i++) ids.add(newId('message', random));
  assert.equal(ids.size, 2000);
  for (const id of ids) {
    assert.match(id, /^m[0-9a-z]{24}$/);
    assert.ok(isId(id));
  }
});

test('all bits of randomness reach the id', () => {
  const ids = new Set<string>();
  for (let octet = 0; octet < 15; octet++) {
    for (let bit = 0; bit < 8; bit++) {
      const bytes = new Uint8Array(15);
      bytes[octet] = 1 << bit;
      ids.add(newId('body', { bytes: () => bytes, fraction: () => 0 }));
    }
  }
  assert.equal(ids.size, 120);
});

test('what is not an id is refused', () => {
  for (const text of ['', 'a b', 'ä', 'x'.repeat(65), '../x']) assert.equal(isId(text), false, text);
});
