import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OldReturnPath } from './old-return-path.ts';

function pass(text: string, step = text.length): string {
  const filter = new OldReturnPath();
  const out: Buffer[] = [];
  const octets = Buffer.from(text, 'latin1');
  for (let at = 0; at < octets.length; at += step) out.push(filter.push(octets.subarray(at, at + step)));
  out.push(filter.finish());
  return Buffer.concat(out).toString('latin1');
}

test('Return-Path goes from the header, wherever it stands, and nowhere else', () => {
  const kept = 'Received: x\r\nX-Return-Path: <a@b>\r\nSubject: y\r\n\tReturn-Path: <fold@b>\r\n';
  const body = '\r\nReturn-Path: <body@b>\r\n\r\n\xff\r\n';
  for (const [given, expected] of [
    [`Return-Path: <a@b>\r\n${kept}return-PATH :\r\n <c@d>\r\n${body}`, kept + body],
    [`${kept}${body}`, kept + body],
    [`\r\nReturn-Path: <body@b>\r\n\r\n`, `\r\nReturn-Path: <body@b>\r\n\r\n`],
    ['Return-Path: <a@b>\r\n', ''],
    ['Return-Path: <a@b>', ''],
    ['', ''],
  ] as const) {
    assert.equal(pass(given), expected);
    for (const step of [1, 2, 3, 7]) assert.equal(pass(given, step), expected);
  }
});

test('a message without one passes untouched, and a header without end is not held back for ever', () => {
  const filter = new OldReturnPath();
  const chunk = Buffer.from('Subject: x\r\n\r\ny');
  assert.equal(filter.push(chunk), chunk);
  const endless = new OldReturnPath();
  const kilobyte = Buffer.from('X: y\r\n'.repeat(171));
  let [given, taken] = [0, 0];
  for (let n = 0; n < 1_000; n += 1) {
    taken += endless.push(kilobyte).length;
    given += kilobyte.length;
    assert.ok(given - taken < 400_000);
  }
  assert.equal(taken + endless.finish().length, given);
});
