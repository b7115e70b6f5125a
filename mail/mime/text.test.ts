import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { textOfHtml } from './html.ts';
import { indexMessage } from './indexer.ts';
import { searchableTexts } from './text.ts';

test('texts of a message: headers and bodies, decoded', () => {
  const prefix = 'Return-Path: <p@x.test>\r\n';
  const body = Buffer.from(
    [
      'Subject: =?utf-8?Q?=C3=A4?=',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: text/plain; charset=iso-8859-1',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'gr=FC=DFe',
      '--b',
      'Content-Type: text/html',
      '',
      '<p>t<b>a</b>g</p>',
      '--b',
      'Content-Type: application/pdf',
      '',
      'binary',
      '--b--',
    ].join('\r\n'),
  );
  const content = Buffer.concat([Buffer.from(prefix), body]);
  const { root } = indexMessage(body);
  const all = [...searchableTexts(content, root, prefix.length, true)].join('\n');
  for (const there of ['Return-Path: <p@x.test>', 'Subject: ä', 'grüße', 'tag']) assert.ok(all.includes(there), there);
  assert.ok(!all.includes('binary'));
  assert.ok(![...searchableTexts(content, root, prefix.length, false)].join('\n').includes('Subject'));
});

test('text of HTML', () => {
  assert.equal(textOfHtml('a<script>x</script>b&lt;&#x41;&nope;').replace(/\s+/g, ' '), 'a b<A&nope;');
  assert.equal(textOfHtml('<style>unclosed').trim(), 'unclosed');
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('<', '>', '!--', '-->', '/', 'head', 'a', '&#', ';', '9') }),
      (s) => void textOfHtml(s),
    ),
  );
});
