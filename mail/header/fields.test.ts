import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { selectFields, splitFields, unfold } from './fields.ts';

test('splits, unfolds, and passes over what is no field', () => {
  const header = 'From x Mon\r\nSubject: a\r\n b\r\n\tc\r\nBad line\r\nX : y\nTo:\r\n\r\nBody: no\r\n';
  assert.deepEqual(
    splitFields(header).map((f) => [f.name, unfold(f.value)]),
    [
      ['Subject', 'a b\tc'],
      ['X', 'y'],
      ['To', ''],
    ],
  );
});

test('selects fields octet for octet (RFC 9051 §6.4.5.1)', () => {
  const header = 'A: 1\r\nb: 2\r\n 3\r\nC: 4\r\nB: 5\r\n\r\n';
  assert.equal(selectFields(header, ['B', 'none']), 'b: 2\r\n 3\r\nB: 5\r\n\r\n');
  assert.equal(selectFields(header, ['B'], true), 'A: 1\r\nC: 4\r\n\r\n');
  assert.equal(selectFields('A: 1', ['a']), 'A: 1\r\n\r\n');
});

test('fields that were written are found again, at their places', () => {
  const name = fc.stringMatching(/^[A-Za-z-]{1,20}$/);
  const line = fc.stringMatching(/^[!-~\x80-\xff]{1,40}$/);
  const field = fc.tuple(name, fc.array(line, { minLength: 1, maxLength: 4 }));
  fc.assert(
    fc.property(fc.array(field), (list) => {
      const header = `${list.map(([n, lines]) => `${n}: ${lines.join('\r\n ')}\r\n`).join('')}\r\n`;
      const found = splitFields(header);
      assert.deepEqual(
        found.map((f) => [f.name, unfold(f.value)]),
        list.map(([n, lines]) => [n, lines.join(' ')]),
      );
      assert.equal(found.map((f) => header.slice(f.start, f.end)).join(''), header.slice(0, -2));
    }),
  );
});

test('never throws and stays cheap', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', ':', '\r', '\n', ' ') }), (text) => void splitFields(text)),
  );
  for (const unit of ['\n ', 'a\n', ':\n', 'a:\n ', 'a', ' ']) splitFields(unit.repeat(200_000));
});
