import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDate, parseDate } from './date.ts';

const at = (iso: string, zone = 0): { time: number; zone: number } => ({ time: Date.parse(iso), zone });

test('reads the forms that mail is written in', () => {
  const cases: [string, ReturnType<typeof at>][] = [
    ['Mon, 23 Nov 2026 11:15:01 +0100', at('2026-11-23T10:15:01Z', 60)],
    ['Mon, 23 Nov 2026 11:15:01 +0100 (CET)', at('2026-11-23T10:15:01Z', 60)],
    ['23 Nov 2026 11:15 -0000', at('2026-11-23T11:15:00Z')],
    ['Fri, 21 Nov 97 09(comment (nested)):   55  :06 -0600', at('1997-11-21T15:55:06Z', -360)],
    ['Thu, 4 Jan 01 10:00:00 EST', at('2001-01-04T15:00:00Z', -300)],
    ['Thu, 4 Jan 101 10:00:00 GMT', at('2001-01-04T10:00:00Z')],
    ['Thu, 4 Jan 2001 10:00:00 K', at('2001-01-04T10:00:00Z')],
    ['Sunday, 06-Nov-94 08:49:37 GMT', at('1994-11-06T08:49:37Z')],
    ['Sun Nov  6 08:49:37 1994', at('1994-11-06T08:49:37Z')],
    ['Mon, 21 Aug 95 13:30:57 -600', at('1995-08-21T19:30:57Z', -360)],
    ['2019-11-25T14:00:00+02:00', at('2019-11-25T12:00:00Z', 120)],
    ['Tue, 4 Jun 2002 1:02:03 PM GMT+0200', at('2002-06-04T11:02:03Z', 120)],
    ['Wed, 31 Dec 2008 23:59:60 +0000', at('2009-01-01T00:00:00Z')],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseDate(text), expected, text);
});

test('what is no date is undefined', () => {
  for (const text of [
    '',
    'yesterday',
    '31 Feb 2020 10:00:00 +0000',
    '1 Foo 2020 10:00:00 +0000',
    '('.repeat(100_000),
    '9'.repeat(5000),
  ]) {
    assert.equal(parseDate(text), undefined, text.slice(0, 40));
  }
});

test('a date that was formatted is read back', () => {
  const date = fc.record(
    {
      time: fc.integer({ min: -2_000_000_000, max: 200_000_000_000 }).map((s) => s * 1000),
      zone: fc.integer({ min: -14 * 60, max: 14 * 60 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(date, (d) => assert.deepEqual(parseDate(formatDate(d)), d)));
});

test('never throws', () => {
  fc.assert(fc.property(fc.string(), (text) => void parseDate(text)));
});
