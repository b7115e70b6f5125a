import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RelaxedBody, relaxedField } from './canonical.ts';
import { MessageDigester } from './digest.ts';
import { relaxedBody } from './verify.testkit.ts';

function canonical(chunks: readonly Uint8Array[]): string {
  const all: Buffer[] = [];
  const body = new RelaxedBody((octets) => all.push(Buffer.from(octets)));
  for (const chunk of chunks) body.push(chunk);
  body.finish();
  return Buffer.concat(all).toString('latin1');
}
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const whole = (text: string): string => canonical([bytes(text)]);

test('RFC 6376 §3.4.5: the example', () => {
  assert.equal(relaxedField('A', ' X'), 'a:X\r\n');
  assert.equal(relaxedField('B', ' Y\t\r\n\tZ  '), 'b:Y Z\r\n');
  assert.equal(whole(' C \r\nD \t E\r\n\r\n\r\n'), ' C\r\nD E\r\n');
});

for (const [what, body, expected] of [
  ['nothing', '', ''],
  ['empty lines alone', '\r\n\r\n', ''],
  ['blanks alone', ' \t\r\n \r\n\t', ''],
  ['no line end at the end', 'abc', 'abc\r\n'],
  ['blanks without a line end at the end', 'abc\r\n  ', 'abc\r\n'],
  ['empty lines between', 'a\r\n\r\n \r\nb\r\n', 'a\r\n\r\n\r\nb\r\n'],
  ['many of them', `a${'\r\n'.repeat(3000)}b`, `a${'\r\n'.repeat(3000)}b\r\n`],
  ['bare CR and LF are octets', 'a \rb\n\r\r\nc\r', 'a \rb\n\r\r\nc\r\r\n'],
  ['a CR before blanks', 'a\r \r\nb', 'a\r\r\nb\r\n'],
] as const) {
  test(`a body: ${what}`, () => assert.equal(whole(body), expected));
}

/** Much of what matters: blanks, line ends and their halves. */
const octets = fc
  .array(fc.constantFrom(' ', '\t', '\r\n', '\r', '\n', 'a', '\xe9', '\0', '\r\n'.repeat(20)), { maxLength: 60 })
  .map((parts) => parts.join(''));

test('a body is the same however it is cut, and the same as by the book', () => {
  fc.assert(
    fc.property(octets, fc.array(fc.nat(80), { maxLength: 12 }), (text, cuts) => {
      const at = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
      const chunks = at.slice(1).map((end, i) => bytes(text).subarray(at[i], end));
      assert.equal(canonical(chunks), relaxedBody(text));
      assert.equal(canonical([...bytes(text)].map((octet) => Uint8Array.of(octet))), relaxedBody(text));
    }),
    { numRuns: 2000 },
  );
});

test('canonical bodies and fields stay as they are', () => {
  fc.assert(
    fc.property(octets, (text) => {
      assert.equal(whole(whole(text)), whole(text));
      const field = relaxedField('Subject', text.replace(/[\r\n]/g, ''));
      assert.equal(relaxedField('subject', field.slice('subject:'.length, -2)), field);
    }),
    { numRuns: 1000 },
  );
});

test('the header ends at its empty line, wherever chunks part', () => {
  for (const message of ['A: b\r\n\r\nbody\r\n', '\r\nbody\r\n', 'A: b\r\n\r\n', 'A: b\r\n', '']) {
    const [, header = message, body = ''] = /^(.*?\r\n|)\r\n(.*)$/s.exec(message) ?? [];
    const at = new MessageDigester();
    for (const octet of bytes(message)) at.push(Uint8Array.of(octet));
    const found = at.finish();
    assert.equal(found.header, header);
    const once = new MessageDigester();
    once.push(bytes(`X: y\r\n\r\n${body}`));
    assert.equal(found.bodyHash, once.finish().bodyHash);
  }
});
