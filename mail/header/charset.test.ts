import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decoderFor, decodeText, textOfBinary } from './charset.ts';

test('decodes by label, alias, and guess', () => {
  assert.equal(decodeText(Buffer.from([0xe4]), 'iso-8859-1'), 'ä');
  assert.equal(decodeText(Buffer.from('ä'), ' UTF-8 '), 'ä');
  assert.equal(decodeText(Buffer.from('ä'), 'us-ascii'), 'ä');
  assert.equal(decodeText(Buffer.from([0xe4]), 'us-ascii'), 'ä');
  assert.equal(decodeText(Buffer.from('ä'), 'x-nobody'), 'ä');
  assert.equal(decodeText(Buffer.from([0x93, 0xfa]), 'cp932'), '日');
  assert.equal(decoderFor('x-nobody'), undefined);
});

test('the text of a binary string is what UTF-8 it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(textOfBinary(Buffer.from(text, 'utf8').toString('latin1')), text);
    }),
  );
});

test('never throws', () => {
  fc.assert(fc.property(fc.uint8Array(), fc.string(), (bytes, label) => void decodeText(bytes, label)));
});
