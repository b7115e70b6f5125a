import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AddressSyntaxError, formatAddress, needsUtf8, parseAddress, parseDomain } from './address.ts';

const ascii = { utf8: false };

test('parseAddress() keeps the case of the local part and lowers the domain', () => {
  assert.deepEqual(parseAddress('Bob.X+tag@Beta.TEST'), { localPart: 'Bob.X+tag', domain: 'beta.test' });
});

test('RFC 5321 §4.1.2: all quoted forms are equivalent, and the minimum of quoting is written', () => {
  assert.deepEqual(parseAddress('"bob"@a.test'), parseAddress('bob@a.test'));
  assert.deepEqual(parseAddress('"b\\ob"@a.test').localPart, 'bob');
  assert.equal(formatAddress(parseAddress('"bob"@a.test')), 'bob@a.test');
  assert.equal(formatAddress(parseAddress('"b ob\\"\\\\"@a.test')), '"b ob\\"\\\\"@a.test');
  assert.equal(formatAddress(parseAddress('""@a.test')), '""@a.test');
  assert.equal(parseAddress('"a@b"@c.test').localPart, 'a@b');
});

test('parseAddress() refuses what is no address', () => {
  for (const text of [
    '',
    '@a.test',
    'a',
    'a@',
    'a b@c.test',
    'a..b@c.test',
    '.a@c.test',
    'a.@c.test',
    'a@b..c',
    'a@-b.test',
    'a@b-.test',
    'a@b_c.test',
    'a@b.test.',
    'a@b@c.test',
    '"a@b.test',
    'a@1.2.3.4',
    'a@[300.1.1.1]',
    'a@[IPv6:xyz]',
    'a@[IPv6:1::2::3]',
    'a@[]',
    'a\0@b.test',
    'a\r\n@b.test',
    'a@b.test ',
    '"a\u0007"@b.test',
    'a@０x7f.１',
    'a@%41.test',
  ]) {
    assert.throws(() => parseAddress(text), AddressSyntaxError, JSON.stringify(text));
  }
});

test('address literals stay as written', () => {
  for (const literal of ['[192.0.2.1]', '[IPv6:2001:DB8::1]', '[IPv6:::ffff:192.0.2.1]', '[x-tag:abc]']) {
    assert.equal(parseAddress(`a@${literal}`).domain, literal);
  }
});

test('non-ASCII needs permission, and domains become A-labels', () => {
  assert.deepEqual(parseAddress('ü@bücher.test'), { localPart: 'ü', domain: 'xn--bcher-kva.test' });
  assert.deepEqual(parseAddress('u\u0308@a.test').localPart, 'ü');
  for (const text of ['ü@a.test', 'u@bücher.test']) {
    assert.throws(
      () => parseAddress(text, ascii),
      (error) => error instanceof AddressSyntaxError && error.nonAscii,
    );
  }
  assert.equal(needsUtf8(parseAddress('u@bücher.test')), false);
  assert.equal(needsUtf8(parseAddress('ü@a.test')), true);
});

test('RFC 5321 §4.5.3.1.1 and §4.5.3.1.2: 64 octets of local part, 255 of domain', () => {
  const domain = (length: number) =>
    `${'a'.repeat(length - 61 * 4 - 4)}${`.${'b'.repeat(61)}`.repeat(4)}`.slice(0, length);
  assert.equal(parseAddress(`${'a'.repeat(64)}@b.test`).localPart.length, 64);
  assert.throws(() => parseAddress(`${'a'.repeat(65)}@b.test`));
  assert.throws(() => parseAddress(`${'ü'.repeat(33)}@b.test`));
  assert.equal(parseAddress(`${'a'.repeat(200)}@b.test`, { localPartLimit: 200 }).localPart.length, 200);
  assert.equal(parseDomain(domain(255)).length, 255);
  assert.throws(() => parseDomain(domain(256)));
  assert.throws(() => parseDomain(`${'a'.repeat(64)}.test`));
});

test('parse(format(x)) is x', () => {
  const local = fc
    .string({ unit: fc.constantFrom(...Array.from('abcXYZ09+.-_ "\\@<>[]()é漢😀')), maxLength: 15 })
    .map((text) => text.normalize('NFC'));
  fc.assert(
    fc.property(local, fc.constantFrom('a.test', 'xn--bcher-kva.test', '[192.0.2.1]'), (localPart, domain) => {
      assert.deepEqual(parseAddress(formatAddress({ localPart, domain })), { localPart, domain });
    }),
  );
});

test('no text makes it throw anything but AddressSyntaxError', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        parseAddress(text);
      } catch (error) {
        assert.ok(error instanceof AddressSyntaxError);
      }
    }),
  );
});
