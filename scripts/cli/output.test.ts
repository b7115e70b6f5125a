import assert from 'node:assert/strict';
import { test } from 'node:test';
import { table } from './output.ts';

test('a table shows nothing that a terminal obeys', () => {
  const reply = '550 \u001b]0;owned\u0007 \u009b2J \u202egnp.exe\rx\0';
  const text = table(['reply', 'to'], [[reply, 'bob']]);
  assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\u202e]/u);
  assert.match(text, /^reply +to\n550 .*owned.*bob$/);
});
