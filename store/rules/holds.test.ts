import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holds } from './holds.ts';

test('finds what `includes` finds', () => {
  // Of two letters, so that much fits nearly.
  let state = 7;
  const word = (length: number): string => {
    let text = '';
    for (let i = 0; i < length; i += 1) {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      text += (state >> 16) % 8 === 0 ? 'b' : 'a';
    }
    return text;
  };
  let found = 0;
  for (let i = 0; i < 3_000; i += 1) {
    const text = word(400);
    const at = i % 300;
    const sought = i % 3 === 0 ? word(20 + (i % 20)) : text.slice(at, at + 17 + (i % 60)) + (i % 3 === 1 ? '' : 'a');
    assert.equal(holds(text, sought), text.includes(sought));
    if (text.includes(sought)) found += 1;
  }
  assert.ok(found > 1_000 && found < 3_000, String(found));
  assert.ok(holds('x', '') && holds('a short one', 'short') && !holds('', 'a text of more than sixteen characters'));
});

test('what fits nearly everywhere takes no longer than what fits nowhere by more than the reading', () => {
  const text = 'a'.repeat(262_144);
  const sought = `${'a'.repeat(500)}b${'a'.repeat(499)}`;
  const { user: before } = process.cpuUsage();
  for (let i = 0; i < 20; i += 1) assert.ok(!holds(text, sought));
  // By `includes` 20 such filters take seconds.
  const ms = (process.cpuUsage().user - before) / 1_000;
  assert.ok(ms < 1_000, `${ms} ms`);
});
