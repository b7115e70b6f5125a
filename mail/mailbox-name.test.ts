import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMailboxName, encodeMailboxName } from './mailbox-name.ts';

// The second line is the example of RFC 3501 §5.1.3.
const NAMES = [
  ['INBOX', 'INBOX'],
  ['~peter/mail/台北/日本語', '~peter/mail/&U,BTFw-/&ZeVnLIqe-'],
  ['A&B', 'A&-B'],
  ['😀', '&2D3eAA-'],
  ['Entwürfe', 'Entw&APw-rfe'],
] as const;

for (const [name, wire] of NAMES) {
  test(`${name} is ${wire}`, () => {
    assert.equal(encodeMailboxName(name), wire);
    assert.equal(decodeMailboxName(wire), name);
  });
}

test('what has another canonical form is refused', () => {
  const wrong = ['&', '&AGE-', 'a&b', '&Jjo', '&Jjo-&Jjo-', '&Jjo!-', '&2D0-', '&Jjp-', '&ImIDkQ', 'ü', 'a\tb', '&AA-'];
  for (const wire of wrong) assert.equal(decodeMailboxName(wire), undefined, wire);
});

test('names come back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      assert.equal(decodeMailboxName(encodeMailboxName(name)), name);
    }),
  );
});

test('whatever decodes has that one form', () => {
  const wire = fc.string({ unit: fc.constantFrom('&', '-', 'A', 'J', 'j', 'o', ',', '+', 'g'), maxLength: 12 });
  fc.assert(
    fc.property(wire, (text) => {
      const name = decodeMailboxName(text);
      if (name !== undefined) assert.equal(encodeMailboxName(name), text);
    }),
  );
});

test('many ampersands cost linear time', () => {
  assert.equal(decodeMailboxName('&'.repeat(200_000)), undefined);
});
