import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineSplitter } from './line-splitter.ts';

function lines(input: string, cuts: readonly number[] = [], limit = 20): string[] {
  const splitter = new LineSplitter(limit);
  const bytes = Buffer.from(input, 'latin1');
  const at = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
  const found: string[] = [];
  at.slice(1).forEach((end, i) => {
    splitter.push(bytes.subarray(at[i], end));
    for (let event = splitter.next(); event !== undefined; event = splitter.next()) {
      found.push(event.defect === undefined ? event.line.toString('latin1') : `!${event.defect}`);
    }
  });
  return found;
}

test('only CRLF ends a line', () => {
  assert.deepEqual(lines('NOOP\r\nQUIT\r\n\r\n'), ['NOOP', 'QUIT', '']);
  assert.deepEqual(lines('NOOP\r\nQUIT'), ['NOOP']);
});

test('nothing behind a bare LF, CR or NUL is taken for a command', () => {
  assert.deepEqual(lines('NOOP\nMAIL\r\nQUIT\r\n'), ['!bare-lf', 'QUIT']);
  assert.deepEqual(lines('NOOP\rMAIL\r\nQUIT\r\n'), ['!bare-cr', 'QUIT']);
  assert.deepEqual(lines('NOOP\0MAIL\r\nQUIT\r\n'), ['!nul', 'QUIT']);
  assert.deepEqual(lines('a\nb\nc\r\nd\r\n'), ['!bare-lf', '!bare-lf', 'd']);
});

test('a line over the limit is reported once, at its end, and the next is read', () => {
  const fits = 'x'.repeat(18);
  assert.deepEqual(lines(`${fits}\r\nNOOP\r\n`), [fits, 'NOOP']);
  assert.deepEqual(lines(`${fits}y\r\nNOOP\r\n`), ['!too-long', 'NOOP']);
  assert.deepEqual(lines(`${'x'.repeat(100)}\n${'y'.repeat(50)}\r\nNOOP\r\n`), ['!too-long', 'NOOP']);
});

test('a line without an end in sight is reported, however it comes in', () => {
  const much = 'x'.repeat(1024 * 1024 + 1);
  assert.deepEqual(lines(much), ['!endless']);
  assert.deepEqual(lines(`${much}\n`), ['!endless']);
  assert.deepEqual(lines('x'.repeat(1024 * 1024)), []);
});

test('how octets are cut into chunks changes nothing', () => {
  const wild = fc
    .array(fc.constantFrom('\r\n', '\r', '\n', '\0', 'a', 'NOOP', 'long enough to be over it'), { maxLength: 30 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(wild, fc.array(fc.nat(100), { maxLength: 10 }), (input, cuts) => {
      assert.deepEqual(lines(input, cuts), lines(input));
    }),
    { numRuns: 2000 },
  );
});

test('what is pending can be taken as content', () => {
  const splitter = new LineSplitter(512);
  splitter.push(Buffer.from('BDAT 3\r\nabcNOOP\r\n'));
  assert.equal(splitter.next()?.line?.toString(), 'BDAT 3');
  assert.equal(splitter.take(3).toString(), 'abc');
  assert.equal(splitter.next()?.line?.toString(), 'NOOP');
  assert.equal(splitter.pending, 0);
});
