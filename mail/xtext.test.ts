import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeXtext, encodeXtext, XtextSyntaxError } from './xtext.ts';

test('RFC 3461 §4: plus, equals, spaces and what is no printable ASCII are escaped', () => {
  assert.equal(encodeXtext('a+b=c d~é'), 'a+2Bb+3Dc+20d~+C3+A9');
  assert.equal(decodeXtext('a+2Bb+3Dc+20d~+C3+A9'), 'a+b=c d~é');
});

test('decodeXtext() refuses malformed text', () => {
  for (const text of ['a+', 'a+2', 'a+2b', 'a=b', 'a b', '+FF', 'é', 'a\r\nb']) {
    assert.throws(() => decodeXtext(text), XtextSyntaxError, text);
  }
});

test('decode(encode(x)) is x, and what is encoded fits into a command', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const encoded = encodeXtext(text);
      assert.match(encoded, /^[!-<>-~]*$/);
      assert.equal(decodeXtext(encoded), text);
    }),
  );
});
