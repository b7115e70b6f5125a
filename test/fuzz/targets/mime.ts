/** Messages: the index, decoding, text for search, and conversion. */
import assert from 'node:assert/strict';
import { checkConversion } from '#mail/mime/convert/convert.testkit.ts';
import { decodeTransfer, transferDecoder } from '#mail/mime/decode.ts';
import { createIndexer, indexMessage } from '#mail/mime/indexer.ts';
import type { MessageIndex, PartNode } from '#mail/mime/message-index.ts';
import { packParts, unpackParts } from '#mail/mime/pack.ts';
import { checkGrammar } from '#mail/mime/response-grammar.testkit.ts';
import { parseSection, resolveSection } from '#mail/mime/section.ts';
import { searchableTexts } from '#mail/mime/text.ts';
import { corpus } from '../seeds.ts';
import type { Target } from '../target.ts';
import { enlarged } from './kit.ts';

export const mime: Target = {
  name: 'mime',
  dictionary: [
    'Content-Type: multipart/mixed; boundary=b\r\n',
    'Content-Type: message/rfc822\r\n',
    'Content-Type: multipart/digest; boundary="b"\r\n',
    'Content-Type: text/html; charset=utf-7\r\n',
    'Content-Transfer-Encoding: base64\r\n',
    'Content-Transfer-Encoding: quoted-printable\r\n',
    'Content-Transfer-Encoding: binary\r\n',
    'Content-Transfer-Encoding: 8bit\r\n',
    "Content-Disposition: attachment; filename*0*=utf-8''%e2; filename*1=x\r\n",
    '\r\n--b\r\n',
    '\r\n--b--\r\n',
    '--b',
    '--',
    '\r\n\r\n',
    '\n\n',
    '\r\n',
    '\n',
    '\r',
    '\0',
    '=\r\n',
    '=3D',
    '=',
    'AAAA',
    '=?utf-8?q?=C3?= =?utf-8?q?=A9?=',
    '=?',
    '?=',
    'multipart/signed',
    'From: a <b@c>, d: e@f;\r\n',
    'Date: 1 Jan 2026 00:00 +0000\r\n',
    ' (',
    ')',
    '"',
    '\\',
    ';',
    '<b>',
    '<!--',
    '&#x41;',
    '\xe9',
    '\xc3\xa9',
  ],
  seeds: () => corpus(4_000),
  run(input, random) {
    const index = indexMessage(input);
    const indexer = createIndexer();
    for (const piece of random.cut(input)) indexer.push(piece);
    assert.deepEqual(indexer.finish(), index, 'the index depends on the pieces');
    checkIndex(index, input, random.chance(30));
    for (const decoding of ['base64', 'quoted-printable'] as const) {
      const decoder = transferDecoder(decoding);
      const parts = random.cut(input).map((piece) => Buffer.from(decoder.push(piece)));
      const whole = Buffer.from(decodeTransfer(input, decoding));
      assert.ok(whole.equals(Buffer.concat([...parts, decoder.finish()])), `${decoding} depends on the pieces`);
      assert.ok(whole.length <= input.length);
    }
    for (const text of searchableTexts(input, index.root, 0, true))
      assert.ok(text.length <= 4 * input.length + 100, 'text grows');
    if (random.below(300) === 0) {
      const large = enlarged(input);
      const { root } = indexMessage(large);
      for (const text of searchableTexts(large, root, 0, true)) text.trim();
      checkConversion(large, { domain: '7bit', lines: true });
    }
    if (random.chance(50)) return;
    const domain = random.pick(['7bit', '8bit'] as const);
    checkConversion(input, { domain, lines: random.chance(50) }, 1 + random.below(500));
  },
};

function checkIndex(index: MessageIndex, input: Buffer, grammar: boolean): void {
  assert.equal(index.size, input.length);
  assert.ok(index.preview.length <= 256);
  if (grammar) checkGrammar(index, 'fuzz');
  checkNode(index.root, 0, input.length);
  assert.deepEqual(unpackParts(packParts(index.root)), index.root);
  for (const path of ['1', '1.1', '1.HEADER', '2.MIME', 'TEXT', '1.2.3.TEXT']) {
    const section = parseSection(path);
    const range = section && resolveSection(index.root, section, 0);
    if (range !== undefined) assert.ok(range.start <= range.end && range.end <= input.length, path);
  }
}

function checkNode(node: PartNode, from: number, to: number): void {
  assert.ok(
    from <= node.headerStart &&
      node.headerStart <= node.bodyStart &&
      node.bodyStart <= node.bodyEnd &&
      node.bodyEnd <= to,
  );
  let at = node.bodyStart;
  for (const child of node.children) {
    checkNode(child, at, node.bodyEnd);
    at = child.bodyEnd;
  }
}
