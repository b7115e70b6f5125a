import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { countLines } from './lines.ts';

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
