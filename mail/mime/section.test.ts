import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { indexMessage } from './indexer.ts';
import { parseSection, resolveSection } from './section.ts';

const PREFIX = 'Return-Path: <>\r\n';

function fetcher(...lines: string[]): (section: string) => string | null {
  const body = lines.join('\r\n');
  const { root } = indexMessage(Buffer.from(body));
  const content = PREFIX + body;
  return (section) => {
    const parsed = parseSection(section);
    assert.ok(parsed !== undefined, section);
    const range = resolveSection(root, parsed, PREFIX.length);
    return range === undefined ? null : content.slice(range.start, range.end);
  };
}

test('a message that is no multipart has one part', () => {
  const fetch = fetcher('Subject: s', '', 'text');
  assert.equal(fetch(''), `${PREFIX}Subject: s\r\n\r\ntext`);
  assert.equal(fetch('HEADER'), `${PREFIX}Subject: s\r\n\r\n`);
  assert.equal(fetch('TEXT'), 'text');
  assert.equal(fetch('1'), 'text');
  assert.equal(fetch('1.MIME'), `${PREFIX}Subject: s\r\n\r\n`);
  for (const none of ['2', '1.1', '1.HEADER', '1.TEXT']) assert.equal(fetch(none), null, none);
});

test('RFC 9051 §6.4.5.1: parts of multiparts and of embedded messages', () => {
  const fetch = fetcher(
    'Content-Type: multipart/mixed; boundary=a',
    '',
    '--a',
    '',
    'one',
    '--a',
    'Content-Type: message/rfc822',
    '',
    'Subject: inner',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'X-Part: 1',
    '',
    'two-one',
    '--b',
    'Content-Type: message/rfc822',
    '',
    'Subject: innermost',
    '',
    'deep',
    '--b--',
    '--a--',
  );
  assert.equal(fetch('1'), 'one');
  assert.equal(fetch('1.MIME'), '\r\n');
  assert.equal(fetch('2.MIME'), 'Content-Type: message/rfc822\r\n\r\n');
  assert.equal(fetch('2.HEADER'), 'Subject: inner\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n');
  assert.match(fetch('2') ?? '', /^Subject: inner[\s\S]*--b--$/);
  assert.match(fetch('2.TEXT') ?? '', /^--b\r\nX-Part[\s\S]*--b--$/);
  assert.equal(fetch('2.1'), 'two-one');
  assert.equal(fetch('2.1.MIME'), 'X-Part: 1\r\n\r\n');
  assert.equal(fetch('2.2.HEADER'), 'Subject: innermost\r\n\r\n');
  assert.equal(fetch('2.2.TEXT'), 'deep');
  assert.equal(fetch('2.2.1'), 'deep');
  assert.equal(fetch('2.2.1.MIME'), 'Subject: innermost\r\n\r\n');
  for (const none of ['3', '1.TEXT', '2.1.HEADER', '2.3', '2.2.2', '2.2.1.1', '4294967295'])
    assert.equal(fetch(none), null, none);
});

test('a root that is an embedded message', () => {
  const fetch = fetcher('Content-Type: message/rfc822', '', 'Subject: inner', '', 'text');
  assert.equal(fetch('1'), 'Subject: inner\r\n\r\ntext');
  assert.equal(fetch('1.HEADER'), 'Subject: inner\r\n\r\n');
  assert.equal(fetch('1.1'), 'text');
});

test('what is no section', () => {
  for (const none of ['MIME', '0', '1.', '.1', '1..2', 'BODY', '1.FOO', '1HEADER', '1.0', '4294967296', 'HEADER.1']) {
    assert.equal(parseSection(none), undefined, none);
  }
  assert.deepEqual(parseSection('1.2.text'), { path: [1, 2], kind: 'text' });
});

test('never throws', () => {
  fc.assert(fc.property(fc.string(), (text) => void parseSection(text)));
});
