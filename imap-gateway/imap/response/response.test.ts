import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MailError } from '#mail/failure.ts';
import { refusalFor } from './codes.ts';
import { formatEsearch, formatSearch } from './esearch.ts';
import { formatFlags, permanentFlagsCode } from './flags.ts';
import { formatList, formatStatus } from './mailbox.ts';
import { ResponseBuffer } from './response-buffer.ts';
import { formatAstring, formatMailbox, formatNstring, formatString } from './strings.ts';

test('strings are atoms, quoted, or literals', () => {
  assert.equal(formatAstring('INBOX', false), 'INBOX');
  assert.equal(formatAstring('nil', false), '"nil"');
  assert.equal(formatAstring('', false), '""');
  assert.equal(formatAstring('a "b" \\', false), '"a \\"b\\" \\\\"');
  assert.equal(formatString('é', false), '{2}\r\né');
  assert.equal(formatString('é', true), '"é"');
  assert.equal(formatString('a\r\nb', true), '{4}\r\na\r\nb');
  assert.equal(formatNstring(undefined, true), 'NIL');
  assert.equal(formatMailbox('Entwürfe & mehr', false), '"Entw&APw-rfe &- mehr"');
  assert.equal(formatMailbox('Entwürfe', true), '"Entwürfe"');
});

test('ESEARCH always has its tag, and no empty set', () => {
  assert.equal(formatEsearch({ tag: 'a1', uid: true, count: 0, all: [] }), '* ESEARCH (TAG "a1") UID COUNT 0\r\n');
  assert.equal(
    formatEsearch({
      tag: 'a1',
      uid: false,
      min: 2,
      max: 9,
      all: [
        [2, 4],
        [9, 9],
      ],
      modseq: 7,
    }),
    '* ESEARCH (TAG "a1") MIN 2 MAX 9 ALL 2:4,9 MODSEQ 7\r\n',
  );
});

test('SEARCH without a hit is a response all the same', () => {
  const text = (...args: Parameters<typeof formatSearch>): string =>
    Buffer.from(formatSearch(...args)).toString('latin1');
  assert.equal(text([], 5), '* SEARCH\r\n');
  assert.equal(text([[1, 3]], 5), '* SEARCH 1 2 3 (MODSEQ 5)\r\n');
  assert.equal(
    text([
      [9, 11],
      [99, 100],
      [4_294_967_295, 4_294_967_295],
    ]),
    '* SEARCH 9 10 11 99 100 4294967295\r\n',
  );
});

test('LIST and STATUS', () => {
  assert.equal(
    formatList('LIST', { attributes: ['\\NonExistent'], name: 'a b', childInfo: ['SUBSCRIBED'] }, false),
    '* LIST (\\NonExistent) "/" "a b" ("CHILDINFO" ("SUBSCRIBED"))\r\n',
  );
  assert.equal(
    formatStatus(
      'INBOX',
      [
        ['MESSAGES', 3],
        ['MAILBOXID', 'f1'],
        ['APPENDLIMIT', undefined],
      ],
      false,
    ),
    '* STATUS INBOX (MESSAGES 3 MAILBOXID (f1) APPENDLIMIT NIL)\r\n',
  );
});

test('flags', () => {
  const flags = ['\\Seen', 'work'];
  assert.equal(formatFlags(flags), '(\\Seen work)');
  assert.equal(formatFlags(flags), formatFlags(flags));
  assert.equal(permanentFlagsCode(flags, false), 'PERMANENTFLAGS (\\Seen work \\*)');
  assert.equal(permanentFlagsCode(flags, true), 'PERMANENTFLAGS ()');
});

test('failures have their codes; faults of ours are temporary and say no more than the session', () => {
  assert.deepEqual(refusalFor(new MailError('over-quota', 'The account is full'), 's1'), {
    status: 'NO',
    code: 'OVERQUOTA',
    text: 'The account is full',
  });
  assert.deepEqual(refusalFor(new TypeError('secret'), 's1'), {
    status: 'NO',
    code: 'SERVERBUG',
    text: 'Internal error, session s1',
  });
});

test('ResponseBuffer keeps the order and passes octets on as they are', () => {
  const large = Buffer.alloc(20_000, 'x');
  const buffer = new ResponseBuffer().ascii('a').bytes(Buffer.from('b')).ascii('c');
  const mark = buffer.mark();
  buffer.ascii('gone').bytes(Buffer.from('gone too')).ascii('and this');
  buffer.rewind(mark);
  buffer.bytes(large).ascii('d');
  assert.equal(buffer.length, 20_004);
  const taken = buffer.take();
  assert.deepEqual(
    taken.map((chunk) => Buffer.from(chunk).toString()),
    ['a', 'b', 'c', large.toString(), 'd'],
  );
  assert.equal(taken[3], large);
  assert.equal(buffer.length, 0);
});
