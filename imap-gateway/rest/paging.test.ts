import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { page, readCursor, writeCursor } from './paging.ts';
import { HttpProblem } from './problems.ts';

const Key = Type.Tuple([Type.Integer(), Type.String()]);
const rows = [1, 2, 3].map((n) => ({ n }));

test('a page ends with a cursor exactly where more follows', () => {
  assert.deepEqual(
    page(rows, 3, ({ n }) => n),
    { items: rows },
  );
  const first = page(rows, 2, ({ n }) => [n, 'x']);
  assert.deepEqual(first.items, rows.slice(0, 2));
  assert.deepEqual(readCursor(first.next, Key), [2, 'x']);
});

test('a cursor that is not of this list is refused', () => {
  for (const cursor of ['', '!', 'AAAA', writeCursor({ offset: 1 }), writeCursor([1])]) {
    assert.throws(() => readCursor(cursor, Key), HttpProblem, cursor);
  }
  assert.equal(readCursor(undefined, Key), undefined);
});
