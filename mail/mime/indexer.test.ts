import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createIndexer, indexMessage } from './indexer.ts';
import { INDEX_LIMITS } from './limits.ts';
import type { MessageIndex, PartNode } from './message-index.ts';
import { checkGrammar, readResponse } from './response-grammar.testkit.ts';

const index = (...lines: string[]): MessageIndex => indexMessage(Buffer.from(lines.join('\r\n'), 'latin1'));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const outline = (node: PartNode): string =>
  node.children.length === 0 ? node.type : `${node.type}(${node.children.map(outline).join(' ')})`;
const multipart = (type: string, boundary: string, ...lines: string[]): MessageIndex =>
  index(`Content-Type: multipart/${type}; boundary="${boundary}"`, '', ...lines);

test('ENVELOPE: NIL is not "", defaults, groups, 8-bit as a literal, encoded words as they are', () => {
  const { envelope } = index(
    'Subject:',
    'From: "A \\"B\\"" <a@x.test>',
    'To: G: b@x.test;, =?utf-8?Q?=C3=A4?= <c@x.test>',
    'Cc: gr\xfc\xdfe <d@x.test>',
    'Message-ID: <1@x.test>',
    '',
    'x',
  );
  const from = '(("A \\"B\\"" NIL "a" "x.test"))';
  assert.equal(
    text(envelope),
    `(NIL "" ${from} ${from} ${from} ((NIL NIL "G" NIL)(NIL NIL "b" "x.test")(NIL NIL NIL NIL)("=?utf-8?Q?=C3=A4?=" NIL "c" "x.test")) ` +
      '(({5}\r\ngr\xfc\xdfe NIL "d" "x.test")) NIL NIL "<1@x.test>")',
  );
});

test('a message without anything', () => {
  for (const empty of [indexMessage(Buffer.alloc(0)), index('', ''), index('no field here')]) {
    assert.equal(text(empty.envelope), '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)');
    checkGrammar(empty, 'empty');
  }
  assert.equal(
    text(index('', 'a', 'b', '').bodystructure),
    '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 2 NIL NIL NIL NIL)',
  );
});

test('BODYSTRUCTURE has every extension field', () => {
  const result = multipart(
    'mixed',
    'b',
    '--b',
    'Content-Type: image/png; name*0="a"; name*1="b.png"',
    "Content-Disposition: attachment; filename*0*=utf-8''%C3%A4; filename*1=b.png; size=3",
    'Content-Transfer-Encoding: BASE64',
    'Content-ID: <i@x>',
    'Content-Description: d',
    'Content-MD5: m',
    'Content-Language: en, de',
    'Content-Location: http://x.test/',
    '',
    'QUJD',
    '--b--',
    '',
  );
  assert.equal(
    text(result.bodystructure),
    '(("image" "png" ("name" "ab.png") "<i@x>" "d" "base64" 4 "m" ("attachment" ("filename*" "utf-8\'\'%C3%A4b.png" "size" "3")) ("en" "de") "http://x.test/") ' +
      '"mixed" ("boundary" "b") NIL NIL NIL)',
  );
  assert.equal(text(result.body), '(("image" "png" ("name" "ab.png") "<i@x>" "d" "base64" 4) "mixed")');
  const [part] = result.root.children;
  assert.equal(part?.filename, 'äb.png');
  assert.equal(part?.disposition, 'attachment');
});

test('boundaries: prefix of another, same in two levels, missing ends, padding, none', () => {
  const inner = [
    '--ab',
    'Content-Type: multipart/mixed; boundary=a',
    '',
    '--a',
    '',
    'one',
    '--ab--not',
    '--a--',
    '--ab--',
  ];
  assert.equal(outline(multipart('mixed', 'ab', ...inner).root), 'multipart/mixed(multipart/mixed(text/plain))');
  const same = [
    '--b',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    '',
    'x',
    '--b--',
    '--b',
    '',
    'y',
    '--b--',
  ];
  assert.equal(
    outline(multipart('mixed', 'b', ...same).root),
    'multipart/mixed(multipart/mixed(text/plain) text/plain)',
  );
  const open = multipart('mixed', 'b', 'preamble', '--b \t', '', 'x', '--b', '', 'y', '');
  assert.equal(outline(open.root), 'multipart/mixed(text/plain text/plain)');
  assert.deepEqual(open.defects, ['multipart without end']);
  assert.equal(outline(index('Content-Type: multipart/mixed', '', 'x').root), 'text/plain');
  assert.equal(outline(multipart('mixed', 'b', 'nothing').root), 'multipart/mixed(text/plain)');
  assert.equal(outline(multipart('mixed', 'b', '--b--').root), 'multipart/mixed(text/plain)');
});

test('an outer delimiter ends inner parts, also within a header', () => {
  const result = multipart(
    'mixed',
    'o',
    '--o',
    'Content-Type: multipart/x; boundary=i',
    '',
    '--i',
    'Subject: cut',
    '--o',
    '',
    'y',
    '--o--',
  );
  assert.equal(outline(result.root), 'multipart/mixed(multipart/x(text/plain) text/plain)');
  checkGrammar(result, 'cut header');
});

test('the CRLF before a delimiter belongs to it', () => {
  const { root } = multipart('mixed', 'b', '--b', '', 'a', '', '--b', '', '--b--');
  const [first, second] = root.children;
  assert.equal((first?.bodyEnd ?? 0) - (first?.bodyStart ?? 0), 3);
  assert.equal(first?.lines, 1);
  assert.equal(second?.bodyEnd, second?.bodyStart);
});

test('digests, embedded messages, encoded messages', () => {
  const digest = multipart(
    'digest',
    'b',
    '--b',
    '',
    'Subject: s',
    '',
    'x',
    '--b',
    'Content-Type: text/plain',
    '',
    'y',
    '--b--',
  );
  assert.equal(outline(digest.root), 'multipart/digest(message/rfc822(text/plain) text/plain)');
  assert.match(text(digest.bodystructure), /"message" "rfc822" NIL NIL NIL "7bit" 15 \(NIL "s" /);
  const encoded = index('Content-Type: message/rfc822', 'Content-Transfer-Encoding: base64', '', 'U3ViamVjdDogcw0K');
  assert.equal(outline(encoded.root), 'message/rfc822(text/plain)');
  checkGrammar(encoded, 'encoded');
  const cut = index('Content-Type: message/rfc822', '', 'Subject: s');
  assert.match(text(cut.bodystructure), /\(NIL "s" NIL/);
});

test('bare LF ends lines as CRLF does', () => {
  const lf = indexMessage(
    Buffer.from('Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\nContent-Type: text/html\n\ny\n--b--\n'),
  );
  assert.equal(outline(lf.root), 'multipart/mixed(text/plain text/html)');
});

test('headers are decoded', () => {
  const { headers } = index(
    'Subject: =?utf-8?Q?=C3=A4?=',
    ' =?utf-8?Q?b?=\tc',
    'From: =?utf-8?Q?=C3=A4?= <a@x.test>',
    'To: b@x.test',
    'To: c@x.test',
    'References: <1@x> junk <2@ x>',
    'Message-ID: <3@x>',
    'Date: Mon, 23 Nov 2026 11:15:01 +0100',
    '',
    '',
  );
  assert.equal(headers.subject, 'äb c');
  assert.deepEqual(headers.from, [{ name: 'ä', address: 'a@x.test' }]);
  assert.deepEqual(
    headers.to.map((a) => a.address),
    ['b@x.test', 'c@x.test'],
  );
  assert.deepEqual(headers.references, ['1@x', '2@x']);
  assert.equal(headers.messageId, '3@x');
  assert.deepEqual(headers.date, { time: Date.parse('2026-11-23T10:15:01Z'), zone: 60 });
});

test('previews: first text that says something, decoded and folded', () => {
  const qp = ['Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: quoted-printable', ''];
  assert.equal(index(...qp, 'Gr=C3=BC=C3=9Fe ', '  aus=', 'serdem').preview, 'Grüße ausserdem');
  const html = [
    'Content-Type: text/html',
    '',
    '<head><style>p{}</style></head><p>A<b>B</b> &amp; &#67;<!-- x --><br>D',
  ];
  assert.equal(index(...html).preview, 'AB & C D');
  const skipped = multipart(
    'mixed',
    'b',
    '--b',
    '',
    ' ',
    '--b',
    'Content-Disposition: attachment',
    '',
    'no',
    '--b',
    '',
    'yes',
    '--b--',
  );
  assert.equal(skipped.preview, 'yes');
  assert.equal(index('', 'x'.repeat(5000)).preview, 'x'.repeat(256));
});

test('limits: depth, parts, header octets', () => {
  const deep = Array.from(
    { length: 150 },
    (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`,
  ).join('');
  const nested = indexMessage(Buffer.from(deep));
  checkGrammar(nested, 'deep');
  assert.ok(nested.defects.includes('too deep'));
  const rfc822 = indexMessage(Buffer.from('Content-Type: message/rfc822\r\n\r\n'.repeat(5000)));
  checkGrammar(rfc822, 'deep messages');
  const many = multipart('mixed', 'b', ...Array.from({ length: 20_000 }, () => '--b\r\n'));
  assert.equal(many.root.children.length, INDEX_LIMITS.parts - 1);
  assert.ok(many.defects.includes('too many parts'));
  const header = indexMessage(
    Buffer.from(`Subject: kept\r\nX: ${'x'.repeat(1_000_000)}\r\nFrom: a@x.test\r\n\r\nbody`),
  );
  assert.equal(header.headers.subject, 'kept');
  assert.deepEqual(header.defects, ['header cut off']);
  assert.equal(header.root.bodyEnd - header.root.bodyStart, 4);
});

const PIECES = [
  'Content-Type: multipart/mixed; boundary=a\r\n',
  'Content-Type: multipart/digest; boundary="a-"\r\n',
  'Content-Type: message/rfc822\r\n',
  'Content-Transfer-Encoding: base64\r\n',
  '--a\r\n',
  '--a--\r\n',
  '--a-\r\n',
  '--a---\r\n',
  '--a',
  '\r\n',
  '\n',
  '\r',
  '-',
  '--',
  ' ',
  'text',
  'Subject: s\r\n',
  '\0',
  '\xff',
];
const garbage = fc
  .array(fc.constantFrom(...PIECES), { maxLength: 60 })
  .map((pieces) => Buffer.from(pieces.join(''), 'latin1'));

test('garbage never throws, is well-formed, and does not depend on chunks', () => {
  fc.assert(
    fc.property(garbage, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (bytes, steps) => {
      const whole = indexMessage(bytes);
      checkGrammar(whole, 'garbage');
      const indexer = createIndexer();
      for (let at = 0, i = 0; at < bytes.length; i += 1) {
        const step = steps[i % steps.length] ?? 1;
        indexer.push(bytes.subarray(at, at + step));
        at += step;
      }
      assert.deepEqual(indexer.finish(), whole);
    }),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => checkGrammar(indexMessage(bytes), 'octets')));
});

/** The time of the same shape four times as large must not be ten times as long: quadratic work would be sixteen. */
test('hostile shapes cost linear time', () => {
  const shapes: ((n: number) => string)[] = [
    (n) => `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--\r\n'.repeat(n)}`,
    (n) => `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n'.repeat(n)}`,
    (n) => `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b${' '.repeat(n * 5)}`,
    (n) => `Subject: ${'=?a?q?'.repeat(n)}\r\nTo: ${'(<"'.repeat(n)}\r\n\r\n`,
    (n) => `Content-Type: a/b${';x*0=1'.repeat(n)}\r\n\r\n`,
    (n) => 'a:\r\n \r\n'.repeat(n),
    (n) => `Content-Type: text/html\r\n\r\n${'<head><'.repeat(n)}`,
    (n) => `Content-Type: message/rfc822\r\n\r\n`.repeat(n),
  ];
  const time = (bytes: Buffer): number => {
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 3; i += 1) {
      const start = performance.now();
      const indexer = createIndexer();
      for (let at = 0; at < bytes.length; at += 16_384) indexer.push(bytes.subarray(at, at + 16_384));
      indexer.finish();
      best = Math.min(best, performance.now() - start);
    }
    return best;
  };
  for (const shape of shapes) {
    const small = time(Buffer.from(shape(10_000)));
    const large = time(Buffer.from(shape(40_000)));
    assert.ok(large < 10 * small + 20, `${shape(2)}: ${small} ms, ${large} ms`);
  }
});

test('readResponse reads what the tests compare', () => {
  assert.deepEqual(readResponse(Buffer.from('("a\\"" NIL 3 {2}\r\n\r\n ("b"))')), ['a"', null, 3, '\r\n', ['b']]);
});
