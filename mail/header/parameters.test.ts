import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatParameter, parameter, parseParameters } from './parameters.ts';

const value = (text: string, name: string): string | undefined => parameter(parseParameters(text), name)?.value;

test('reads types and parameters', () => {
  const parsed = parseParameters(
    'Text/Plain (comment); charset = "utf-8" ; format=flowed;; x="a\\"b;c" (note); name=my file.txt',
  );
  assert.equal(parsed.value, 'text/plain');
  assert.deepEqual(
    parsed.parameters.map((p) => [p.name, p.value]),
    [
      ['charset', 'utf-8'],
      ['format', 'flowed'],
      ['x', 'a"b;c'],
      ['name', 'my file.txt'],
    ],
  );
});

test('joins continuations and decodes charsets (RFC 2231)', () => {
  assert.equal(value('a/b; URL*0="ftp://"; URL*1="x.test/y"', 'url'), 'ftp://x.test/y');
  assert.equal(value("a/b; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", 'title'), 'This is ***fun***');
  const mixed =
    "a/b; title*2=\"isn't it!\"; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20";
  assert.equal(value(mixed, 'title'), "This is even more ***fun*** isn't it!");
  assert.equal(value("a/b; name*0*=utf-8''%C3; name*1*=%A4", 'name'), 'ä');
  assert.equal(value("a/b; name=plain; name*=utf-8''%C3%A4", 'name'), 'ä');
  assert.equal(value("a/b; name*=x-nobody''%41", 'name'), "x-nobody''%41");
  assert.equal(value('a/b; name="=?utf-8?Q?=C3=A4?="', 'name'), 'ä');
  assert.equal(value('a/b; name="\xc3\xa4"', 'name'), 'ä');
});

test('the first of a repeated parameter wins; a missing first section is no continuation', () => {
  assert.equal(value('a/b; x=1; x=2', 'x'), '1');
  assert.equal(value('a/b; x*1=b', 'x'), 'b');
});

test('a parameter that was formatted is read back', () => {
  const text = fc
    .string({ unit: 'grapheme' })
    .filter((s) => !/[\x00-\x1f\x7f]/.test(s) && s !== '' && !s.includes('=?'));
  fc.assert(fc.property(text, (v) => assert.equal(value(`a/b${formatParameter('name', v)}`, 'name'), v)));
});

test('never throws, stays cheap, keeps its limit', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'a*0=;"\\\'% ('.split('')) }),
      (text) => void parseParameters(text),
    ),
  );
  for (const unit of [';', 'a', ' ', '=', '"', 'a*0=', '(', "a='"]) parseParameters(`x;${unit.repeat(200_000)}`);
  const flood = Array.from({ length: 5000 }, (_, i) => `;x*${i}=a`).join('');
  assert.equal(value(`a/b${flood}`, 'x')?.length, 200);
});
