import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Framer, LIMITS_AFTER_LOGIN } from '../framer.ts';
import { formatAstring, formatMailbox } from '../response/strings.ts';
import { Cursor } from './cursor.ts';
import { formatDate, formatDateTime, parseDate, parseDateTime } from './date.ts';
import { parseMailbox } from './mailbox.ts';
import { formatSequenceSet, parseSequenceSet, type SequenceSet, STAR } from './sequence-set.ts';

/** What a client would see of a text of ours, as a cursor. */
function cursorOver(text: string, utf8 = false): Cursor {
  const framer = new Framer(LIMITS_AFTER_LOGIN);
  framer.push(Buffer.from(`${text}\r\n`));
  for (let event = framer.next(); event !== undefined; event = framer.next()) {
    if (event.type === 'literal') framer.accept();
    else if (event.type === 'command') return new Cursor(event.parts, { utf8 });
  }
  throw new Error('no command');
}

function reads<T>(parse: (cursor: Cursor) => T, text: string, utf8 = false): T {
  const cursor = cursorOver(text, utf8);
  const value = parse(cursor);
  cursor.end();
  return value;
}

const number = fc.oneof(fc.integer({ min: 1, max: 0xffff_ffff }), fc.constant(STAR));
const sequenceSet: fc.Arbitrary<SequenceSet> = fc.oneof(
  fc.constant<SequenceSet>({ kind: 'saved' }),
  fc
    .array(fc.tuple(number, number), { minLength: 1, maxLength: 20 })
    .map((ranges): SequenceSet => ({ kind: 'ranges', ranges })),
);

test('sequence sets come back', () => {
  fc.assert(fc.property(sequenceSet, (set) => assert.deepEqual(reads(parseSequenceSet, formatSequenceSet(set)), set)));
});

test('dates come back', () => {
  const day = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-30'), noInvalidDate: true });
  fc.assert(
    fc.property(day, (date) => {
      const text = date.toISOString().slice(0, 10);
      assert.equal(reads(parseDate, formatDate(text)), text);
      assert.equal(reads(parseDate, `"${formatDate(text)}"`), text);
    }),
  );
});

test('date-times come back', () => {
  const seconds = fc.integer({ min: -60_000_000_000, max: 250_000_000_000 });
  const zone = fc.integer({ min: -1439, max: 1439 });
  fc.assert(
    fc.property(seconds, zone, (s, z) => {
      const value = { time: s * 1000, zone: z };
      assert.deepEqual(reads(parseDateTime, formatDateTime(value)), value);
    }),
  );
});

const sendable = fc.string({ unit: 'binary', maxLength: 60 }).filter((text) => !text.includes('\0'));

test('astrings come back, with and without UTF-8', () => {
  fc.assert(
    fc.property(sendable, fc.boolean(), (text, utf8) => {
      assert.equal(
        reads((cursor) => cursor.text(), formatAstring(text, utf8), utf8),
        text,
      );
    }),
  );
});

test('mailbox names come back in both forms', () => {
  const name = sendable
    .map((text) => text.normalize('NFC'))
    .filter((text) => text !== '' && !/^inbox(?=\/|$)/i.test(text));
  fc.assert(
    fc.property(name, fc.boolean(), (text, utf8) => {
      assert.equal(reads(parseMailbox, formatMailbox(text, utf8), utf8), text);
    }),
  );
});
