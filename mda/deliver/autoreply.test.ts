import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '#mail/address.ts';
import { indexMessage } from '#mail/mime/indexer.ts';
import { addresseesOf, answerTo, correspondentOf, type Incoming, whyNoAnswer } from './autoreply.ts';

const LETTER = 'From: Bob <bob@far.test>\nTo: alice@alpha.test\nSubject: hello\n';

function incoming(header: string, from: string | null = 'bob@far.test', body = 'text'): Incoming {
  const text = header.replaceAll('\n', '\r\n');
  const index = indexMessage(Buffer.from(`${text}\r\n${body}`));
  return { reversePath: from === null ? null : parseAddress(from), index, header: text };
}

const answered: readonly (readonly [string, Incoming])[] = [
  ['a letter', incoming(LETTER)],
  ['Auto-Submitted: no', incoming(`${LETTER}Auto-Submitted: no\n`)],
  ['… with a comment', incoming(`${LETTER}Auto-Submitted: (a person) NO (really)\n`)],
  ['… with a parameter', incoming(`${LETTER}auto-submitted: no; x=y\n`)],
  ['Precedence: normal', incoming(`${LETTER}Precedence: first-class\n`)],
  ['no spam', incoming(`${LETTER}X-Spam-Flag: NO\nX-Spam-Status: No, score=1\n`)],
  ['what begins like a list', incoming(`${LETTER}Listen: to me\n`)],
  ['names that hold the words', incoming(LETTER, 'requests.owner@far.test')],
  ['a receipt is suppressed, not an answer', incoming(`${LETTER}X-Auto-Response-Suppress: DR, RN\n`)],
];

for (const [name, message] of answered) {
  test(`is answered: ${name}`, () => assert.equal(whyNoAnswer(message), undefined));
}

const silent: readonly (readonly [string, string, Incoming])[] = [
  ['the null reverse-path', 'null reverse-path', incoming(LETTER, null)],
  ...[
    'MAILER-DAEMON',
    'mailer-daemon',
    'owner-people',
    'people-owner',
    'people-request',
    'People-Bounces',
    'people-bounces+alice=alpha.test',
    'LISTSERV',
    'majordomo',
    'no-reply',
    'noreply',
    'do_not_reply',
    'DoNotReply+7',
  ].map((local): [string, string, Incoming] => [local, 'program', incoming(LETTER, `${local}@far.test`)]),
  ['a program in From', 'program', incoming('From: Mailer-Daemon@far.test\nTo: a@b.test\n')],
  ['Auto-Submitted: auto-replied', 'auto-submitted', incoming(`${LETTER}Auto-Submitted: auto-replied\n`)],
  ['auto-generated', 'auto-submitted', incoming(`${LETTER}AUTO-SUBMITTED: auto-generated; x="no"\n`)],
  ['a word that begins with no', 'auto-submitted', incoming(`${LETTER}Auto-Submitted: notified\n`)],
  ['a comment that says no', 'auto-submitted', incoming(`${LETTER}Auto-Submitted: (no) auto-notified\n`)],
  ['folded', 'auto-submitted', incoming(`${LETTER}Auto-Submitted:\n auto-replied\n`)],
  ['nothing at all', 'auto-submitted', incoming(`${LETTER}Auto-Submitted:\n`)],
  ...['bulk', 'list', 'junk', 'Bulk', 'auto_reply'].map((word): [string, string, Incoming] => [
    `Precedence: ${word}`,
    'precedence',
    incoming(`${LETTER}Precedence: ${word}\n`),
  ]),
  ...['List-Id: <x.y>', 'List-Unsubscribe: <mailto:x@y>', 'LIST-Post: NO', 'List-Help : x'].map(
    (field): [string, string, Incoming] => [
      field,
      field.split(/ ?:/)[0]!.toLowerCase(),
      incoming(`${LETTER}${field}\n`),
    ],
  ),
  ['an old list', 'x-beenthere', incoming(`${LETTER}X-BeenThere: people@far.test\n`)],
  ['Exchange', 'x-auto-response-suppress', incoming(`${LETTER}X-Auto-Response-Suppress: DR, OOF\n`)],
  ['spam', 'x-spam-flag', incoming(`${LETTER}X-Spam-Flag: YES\n`)],
  ['a report', 'report', incoming(`${LETTER}Content-Type: multipart/report; boundary=x\n`)],
  ['a header that nobody reads', 'long header', incoming(LETTER + `X-A: ${'x'.repeat(70)}\n`.repeat(1_000))],
];

for (const [name, reason, message] of silent) {
  test(`is not answered: ${name}`, () => assert.equal(whyNoAnswer(message), reason));
}

test('RFC 5230 §4.5: To, Cc, Bcc and their Resent- kin are the addressees, each once, a hundred at most', () => {
  const message = incoming(
    'To: A <a@x.test>, "b c"@x.test, undisclosed: ;\nCc: a@x.test, broken\nResent-To: d@x.test\nresent-cc: E <e@x.test>\nReply-To: f@x.test\n',
  );
  assert.deepEqual(addresseesOf(message).map(formatAddress), ['a@x.test', '"b c"@x.test', 'd@x.test', 'e@x.test']);
  const many = incoming(`To: ${Array.from({ length: 500 }, (_, i) => `a${i}@x.test`).join(',\n ')}\n`);
  assert.equal(addresseesOf(many).length, 100);
});

test('a correspondent is the same behind another spelling, a rewriting forwarder and a bounce tag', () => {
  for (const path of [
    'Bob@far.test',
    'SRS0=HHH=TT=far.test=bob@forwarder.test',
    'srs0+xyz=AB=far.test=Bob@forwarder.test',
    'prvs=1234567890=bob@far.test',
  ])
    assert.equal(correspondentOf(parseAddress(path)), 'bob@far.test', path);
  assert.equal(correspondentOf(parseAddress('bob+x@far.test')), 'bob+x@far.test');
});

test('the answer takes the subject and the ids of the message, as far as they are any, and no more', () => {
  const ids = Array.from({ length: 40 }, (_, i) => `<r${i}@far.test>`).join(' ');
  const header = `${LETTER.replace('hello', `=?utf-8?Q?a=0D=0ABcc:_x@y.test?= ${'ö'.repeat(300)}`)}Message-ID: <m@far.test>\nReferences: ${ids}\n`;
  const payload = answerTo(
    incoming(header, 'b@far.test'),
    parseAddress('b@far.test'),
    parseAddress('alice@alpha.test'),
  );
  assert.deepEqual([payload.to, payload.from, payload.inReplyTo], ['b@far.test', 'alice@alpha.test', 'm@far.test']);
  assert.match(payload.subject, /^a Bcc: x@y\.test ö+…$/);
  assert.equal(payload.subject.length, 201);
  assert.deepEqual(
    [payload.references.length, payload.references[0], payload.references.at(-1)],
    [20, 'r0@far.test', 'm@far.test'],
  );
  const bare = answerTo(
    incoming(`Message-ID: <${'x'.repeat(300)}@c>\n`),
    parseAddress('b@far.test'),
    parseAddress('a@alpha.test'),
  );
  assert.deepEqual(bare, { type: 'autoreply', to: 'b@far.test', from: 'a@alpha.test', subject: '', references: [] });
});
