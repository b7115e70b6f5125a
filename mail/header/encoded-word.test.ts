import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeWords, encodeWords } from './encoded-word.ts';

test('decodes as RFC 2047 §8 shows, and more', () => {
  const cases: [string, string][] = [
    ['=?ISO-8859-1?Q?a?=', 'a'],
    ['=?ISO-8859-1?Q?a?= b', 'a b'],
    ['=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=', 'ab'],
    ['=?ISO-8859-1?Q?a?=  \r\n   =?UTF-8?B?Yg==?=', 'ab'],
    ['=?ISO-8859-1?Q?a_b?=', 'a b'],
    ['=?US-ASCII*EN?Q?Keith_Moore?= <x>', 'Keith Moore <x>'],
    // One character split over two words, one of them B and one Q.
    ['=?UTF-8?B?w4Q=?= =?utf-8?Q?=C3?= =?utf-8?B?nw==?=', 'Äß'],
    ['=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=', '日本'],
    ['=?x-nobody?Q?=41?= =?utf-8?Q?b?=', '=?x-nobody?Q?=41?= b'],
    ['=?utf-8?Q?b?= =?x-nobody?Q?=41?=', 'b =?x-nobody?Q?=41?='],
    ['=?utf-8?Q?50%=zz?=', '50%=zz'],
    ['=?utf-8?X?a?= =? ?= =?', '=?utf-8?X?a?= =? ?= =?'],
    ['=?utf-8?q?a b?=c', 'a bc'],
  ];
  for (const [text, expected] of cases) assert.equal(decodeWords(text), expected);
});

const wellFormed = fc.string({ unit: 'grapheme' });

test('text that was encoded is decoded to itself', () => {
  fc.assert(fc.property(wellFormed, (text) => assert.equal(decodeWords(encodeWords(text)), text)));
});

test('encoded words are ASCII and have at most 75 characters', () => {
  fc.assert(
    fc.property(wellFormed, (text) => {
      const encoded = encodeWords(`ä${text}`);
      assert.match(encoded, /^[\x21-\x7e ]+$/);
      for (const word of encoded.split(' ')) assert.ok(word.length <= 75, word);
    }),
  );
});

test('hostile text stays cheap', () => {
  const text = '=?a?q?'.repeat(100_000);
  assert.equal(decodeWords(text), text);
  assert.equal(decodeWords('=?utf-8?q??='.repeat(50_000)), '');
});
