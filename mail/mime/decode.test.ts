import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Decoding, decodeTransfer, decodingOf, transferDecoder } from './decode.ts';

const decode = (text: string, decoding: Decoding): string =>
  Buffer.from(decodeTransfer(Buffer.from(text, 'latin1'), decoding)).toString('latin1');

test('quoted-printable (RFC 2045 §6.7)', () => {
  const cases: [string, string][] = [
    ['a=3Db=e4', 'a=b\xe4'],
    ['soft=\r\nbreak= \t\r\ntoo=\nand', 'softbreaktooand'],
    ['trailing  \t\r\nwhite \n', 'trailing\r\nwhite\n'],
    ['a=20\r\n', 'a \r\n'],
    ['=ZZ =', '=ZZ '],
    ['= x', '= x'],
    ['a=', 'a'],
    ['a \r\n\r\n b', 'a\r\n\r\n b'],
  ];
  for (const [encoded, plain] of cases)
    assert.equal(decode(encoded, 'quoted-printable'), plain, JSON.stringify(encoded));
});

test('base64, lenient', () => {
  assert.equal(decode('QUJD\r\nREVG', 'base64'), 'ABCDEF');
  assert.equal(decode('QQ==\r\nQg==', 'base64'), 'AB');
  assert.equal(decode('Q!U*J D', 'base64'), 'ABC');
  assert.equal(decode('QUI', 'base64'), 'AB');
});

test('names of encodings', () => {
  assert.equal(decodingOf('BASE64'), 'base64');
  assert.equal(decodingOf('8bit'), 'identity');
  assert.equal(decodingOf('x-uuencode'), undefined);
});

const alphabet = fc.constantFrom(...'=AZ4af \t\r\n.-é'.split(''));

test('decoding does not depend on where chunks part', () => {
  const steps = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 });
  fc.assert(
    fc.property(
      fc.string({ unit: alphabet, maxLength: 200 }),
      steps,
      fc.constantFrom('base64', 'quoted-printable'),
      (text, sizes, decoding) => {
        const bytes = Buffer.from(text, 'latin1');
        const decoder = transferDecoder(decoding);
        const out: Uint8Array[] = [];
        for (let at = 0, i = 0; at < bytes.length; i += 1) {
          const size = sizes[i % sizes.length] ?? 1;
          out.push(decoder.push(bytes.subarray(at, at + size)));
          at += size;
        }
        out.push(decoder.finish());
        assert.equal(Buffer.concat(out).toString('latin1'), decode(text, decoding));
      },
    ),
    { numRuns: 1000 },
  );
});

test('base64 that was encoded is decoded to itself', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const lines = Buffer.from(bytes).toString('base64').replace(/.{76}/g, '$&\r\n');
      assert.deepEqual(Buffer.from(decode(lines, 'base64'), 'latin1'), Buffer.from(bytes));
    }),
  );
});

test('quoted-printable: white space without end before a line end is the same in one piece and in many', () => {
  const bytes = Buffer.from(`a${' '.repeat(5_000)}\r\nb =${' '.repeat(1_000)}\nc =${'\t'.repeat(1_002)}\nd`);
  const whole = Buffer.from(decodeTransfer(bytes, 'quoted-printable'));
  for (const cut of [1, 7, 999, 1_000, 1_001, 3_000]) {
    const decoder = transferDecoder('quoted-printable');
    const out: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += cut) out.push(Buffer.from(decoder.push(bytes.subarray(at, at + cut))));
    assert.deepEqual(Buffer.concat([...out, decoder.finish()]), whole, String(cut));
  }
});
