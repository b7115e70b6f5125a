import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mechanism, messageNumber, none, numberAndLines, optionalMessageNumber, password } from './arguments.ts';
import { parseCommandLine } from './command-line.ts';
import { ParseError } from './parse-error.ts';

test('a keyword without case, and the rest as it is', () => {
  assert.deepEqual(parseCommandLine(Buffer.from('pAsS two  words ')), { name: 'PASS', rest: 'two  words ' });
  assert.deepEqual(parseCommandLine(Buffer.from('STAT')), { name: 'STAT', rest: undefined });
  assert.equal(password('two  words '), 'two  words ');
});

test('any octets are a command or a ParseError', () => {
  const parse = (bytes: Uint8Array): void => {
    const { rest } = parseCommandLine(Buffer.from(bytes));
    for (const read of [none, messageNumber, optionalMessageNumber, numberAndLines, password, mechanism]) read(rest);
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        parse(bytes);
      } catch (error) {
        assert.ok(error instanceof ParseError, String(error));
      }
    }),
  );
});

test('RFC 6856 §2.2: what is not UTF-8 is refused, and so are control characters', () => {
  assert.throws(() => parseCommandLine(Buffer.from('USER j\xf6rg', 'latin1')), ParseError);
  assert.throws(() => parseCommandLine(Buffer.from('USER a\0b')), ParseError);
  assert.equal(parseCommandLine(Buffer.from('USER jörg')).rest, 'jörg');
});

test('numbers', () => {
  assert.equal(messageNumber('007 '), 7);
  assert.deepEqual(numberAndLines('1 0'), { message: 1, lines: 0 });
  for (const wrong of ['', '-1', '1.5', '0x1', '1e3', '12345678901', '１']) {
    assert.throws(() => messageNumber(wrong), ParseError, wrong);
  }
});
