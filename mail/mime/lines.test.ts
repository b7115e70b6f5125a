import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { countLines, LineEnds } from './lines.ts';

test('counts line feeds at every alignment', () => {
  const octet = fc.oneof(fc.constant(10), fc.constantFrom(0x0b, 0x8a, 0x09, 0, 0xff), fc.nat(255));
  fc.assert(
    fc.property(fc.array(octet, { maxLength: 60 }), fc.nat(60), fc.nat(60), (octets, a, b) => {
      const from = Math.min(a, b, octets.length);
      const to = Math.min(Math.max(a, b), octets.length);
      const backing = new Uint8Array(octets.length + 3);
      for (const shift of [0, 1, 2, 3]) {
        const bytes = backing.subarray(shift, shift + octets.length);
        bytes.set(octets);
        assert.equal(countLines(bytes, from, to), octets.slice(from, to).filter((o) => o === 10).length);
      }
    }),
  );
});

test('what lines need is told, however the octets are cut', () => {
  const piece = fc.constantFrom('.', '\r', '\n', '\r\n', '\r\n.', 'a', '\n.\n', 'ä');
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 4 }), { maxLength: 8 }), (cut) => {
      const ends = new LineEnds();
      for (const pieces of cut) ends.push(Buffer.from(pieces.join('')));
      const text = cut.flat().join('');
      const bare = text.split('\n').length - text.split('\r\n').length;
      const end = text === '' || text.endsWith('\n') ? 0 : text.endsWith('\r') ? 1 : 2;
      assert.deepEqual(ends.facts, { growth: bare + end, dots: /(?:^|\n)\./.test(text) });
    }),
  );
});
