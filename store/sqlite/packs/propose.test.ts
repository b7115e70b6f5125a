import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fold } from '../../search/fold.ts';
import { hitsIn } from './propose.ts';

const cellsOf = (...texts: string[]) => {
  const cells = texts.map((text) => Buffer.from(fold(text)));
  let end = 0;
  return { bytes: Buffer.concat(cells), ends: Uint32Array.from(cells, (cell) => (end += cell.length)) };
};
const proposed = (cells: ReturnType<typeof cellsOf>, ...needles: string[]): number[] =>
  [...hitsIn(cells, needles.map(fold))].sort((a, b) => a - b);

test('cells with the needle, with and without accents', () => {
  const cells = cellsOf('Grüße aus Köln', '', 'nothing', '漢字 Koln 42', 'köln, ende');
  assert.deepEqual(proposed(cells, 'koln'), [0, 3, 4]);
  assert.deepEqual(proposed(cells, 'köln'), [0, 4]);
  assert.deepEqual(proposed(cells, '42'), [3]);
  assert.deepEqual(proposed(cells, '漢', 'grusse'), [0, 3]);
  assert.deepEqual(proposed(cells, 'absent'), []);
});

test('a needle over a border hides none behind it', () => {
  const cells = cellsOf('xa', 'aa', 'b');
  assert.ok(proposed(cells, 'aa').includes(1));
});
