import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { selectFields } from './header-fields.ts';

const HEADER = Buffer.from('From: a\r\nSubject: x\r\n  folded\r\n\tmore\r\nTo : b\r\nnonsense\r\nFrom: c\r\n\r\n');
const take = (names: string[], not = false): string => Buffer.from(selectFields(HEADER, names, not)).toString();

test('fields come as stored, folding included, in their order', () => {
  assert.equal(take(['SUBJECT', 'from']), 'From: a\r\nSubject: x\r\n  folded\r\n\tmore\r\nFrom: c\r\n\r\n');
  assert.equal(take(['to']), 'To : b\r\n\r\n');
});

test('the empty line is there also when nothing matches', () => {
  assert.equal(take(['x']), '\r\n');
  assert.equal(Buffer.from(selectFields(Buffer.alloc(0), ['x'], false)).toString(), '\r\n');
});

test('HEADER.FIELDS.NOT takes the others', () => {
  assert.equal(take(['from', 'subject'], true), 'To : b\r\nnonsense\r\n\r\n');
});

test('every line of a field goes one way', () => {
  const line = fc.constantFrom('A: 1\r\n', 'B: 2\r\n', ' more\r\n', '\tmore\n', 'junk\r\n', 'A\r\n', ':\r\n');
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const header = Buffer.from(`${lines.join('')}\r\n`);
      const length = selectFields(header, ['a'], false).length + selectFields(header, ['a'], true).length;
      assert.equal(length, header.length + 2);
    }),
  );
});
