import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePattern } from './list-pattern.ts';

test('% stops at a separator and * does not', () => {
  const cases: [pattern: string, name: string, matches: boolean][] = [
    ['*', 'a/b/c', true],
    ['%', 'a', true],
    ['%', 'a/b', false],
    ['%/%', 'a/b', true],
    ['a/%', 'a/b/c', false],
    ['*%', 'a/b', true],
    ['a%c', 'abc', true],
    ['a%c', 'a/c', false],
    ['%b*', 'a/b', false],
    ['*b%', 'a/bc', true],
    ['*b%', 'a/bc/d', false],
    ['', 'a', false],
    ['a.b', 'axb', false],
    ['inbox', 'INBOX', true],
    ['Inbox/%', 'INBOX/x', true],
    ['inb%', 'INBOX', true],
    ['work', 'Work', false],
  ];
  for (const [pattern, name, expected] of cases) {
    assert.equal(compilePattern(pattern)(name), expected, `${pattern} on ${name}`);
  }
});

test('agrees with a regular expression', () => {
  const letters = (...extra: string[]) =>
    fc.string({ unit: fc.constantFrom('a', 'b', 'c', '/', ...extra), maxLength: 12 });
  fc.assert(
    fc.property(letters('*', '%'), letters(), (pattern, name) => {
      const source = pattern.replaceAll('*', '.*').replaceAll('%', '[^/]*');
      assert.equal(compilePattern(pattern)(name), new RegExp(`^${source}$`, 's').test(name));
    }),
    { numRuns: 2000 },
  );
});

test('a hostile pattern takes no exponential time', () => {
  // It would not end in our lifetime.
  assert.equal(compilePattern('*a%'.repeat(300).concat('!'))('a'.repeat(1000)), false);
  assert.equal(compilePattern('%a'.repeat(300).concat('!'))('a'.repeat(1000)), false);
});
