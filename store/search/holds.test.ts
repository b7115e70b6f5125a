import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fold } from './fold.ts';
import { holds, patternOf } from './holds.ts';

const finds = (needle: string, text: string): boolean => holds(fold(text), fold(needle));

test('a letter without an accent finds those with one', () => {
  for (const [needle, text] of [
    ['uber', 'Über uns'],
    ['UBER', 'u\u0308ber'],
    ['cafe', 'Le CAFÉ'],
    ['senor', 'señor'],
    ['lodz', 'Łódź'],
    ['smorrebrod', 'smørrebrød'],
    ['Istanbul', 'İstanbul'],
    ['viet', 'Việt Nam'],
    ['αθηνα', 'Αθήνα'],
    ['еще', 'ещё'],
    ['grusse', 'Grüße'],
    ['a.b', 'A.B'],
  ] as const) {
    assert.ok(finds(needle, text), `${needle} in ${text}`);
  }
});

test('one that was typed with an accent finds itself alone, and signs are no patterns', () => {
  for (const [needle, text] of [
    ['über', 'uber'],
    ['über', 'ùber'],
    ['cafè', 'café'],
    ['a.b', 'axb'],
    ['[ab]', 'a'],
    ['か', 'が'],
    ['o', '0'],
  ] as const) {
    assert.ok(!finds(needle, text), `${needle} in ${text}`);
  }
  assert.ok(finds('café', 'CAFÉ'));
  assert.ok(finds('', 'x'));
});

test('what has no such letter, or is very long, is looked for as it is', () => {
  for (const needle of ['42 %', '한국', 'x'.repeat(0), 'e'.repeat(257)])
    assert.equal(patternOf(fold(needle)), undefined);
  assert.ok(finds('e'.repeat(300), 'e'.repeat(301)));
});

test('what needs no composing is folded the same without', () => {
  for (let code = 0; code < 0x100; code++) {
    const text = `a${String.fromCharCode(code)}e`;
    assert.equal(fold(text), text.normalize('NFC').toUpperCase().normalize('NFC'));
  }
});
