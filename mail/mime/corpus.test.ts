/** Every message of the corpus: nothing throws, offsets agree with the bytes, and the parts are those that mailparser sees. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { simpleParser } from 'mailparser';
import { decodeTransfer, decodingOf } from './decode.ts';
import { createIndexer, indexMessage } from './indexer.ts';
import type { PartNode } from './message-index.ts';
import { packParts, unpackParts } from './pack.ts';
import { checkGrammar } from './response-grammar.testkit.ts';
import { searchableTexts } from './text.ts';

const CORPUS = new URL('../../test/fixture/corpus/', import.meta.url);

/** Bare LF becomes CRLF, as it would on the way in. */
function* corpus(): Generator<[name: string, bytes: Buffer]> {
  for (const name of readdirSync(CORPUS, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!/\.(?:eml|msg|txt)$/.test(name)) continue;
    const text = readFileSync(new URL(name, CORPUS), 'latin1').replace(/\r?\n/g, '\r\n');
    yield [name, Buffer.from(text, 'latin1')];
  }
}

const leaves = (node: PartNode): PartNode[] => {
  const below = node.children.flatMap(leaves);
  return node.type.startsWith('multipart/') ? below : [node, ...below];
};

test('offsets are ordered and nested, and point behind what they should', () => {
  for (const [name, bytes] of corpus()) {
    const index = indexMessage(bytes);
    assert.equal(index.size, bytes.length);
    assert.equal(index.root.bodyEnd, bytes.length, name);
    checkNode(index.root, bytes, name);
    assert.deepEqual(unpackParts(packParts(index.root)), index.root);
  }
});

function checkNode(node: PartNode, bytes: Buffer, name: string): void {
  assert.ok(node.headerStart <= node.bodyStart && node.bodyStart <= node.bodyEnd, name);
  const header = bytes.subarray(node.headerStart, node.bodyStart).toString('latin1');
  // The header ends with its empty line; only malformed parts lack it.
  if (header.includes('\r\n\r\n')) assert.equal(header.indexOf('\r\n\r\n'), header.length - 4, name);
  let end = node.bodyStart;
  for (const child of node.children) {
    assert.ok(child.headerStart >= end && child.bodyEnd <= node.bodyEnd, name);
    if (node.type.startsWith('multipart/') && child.headerStart < child.bodyEnd) {
      const before = bytes.subarray(node.bodyStart, child.headerStart).toString('latin1');
      assert.match(before, /(?:^|\n)--[^\n]*\r\n$/, name);
    }
    checkNode(child, bytes, name);
    end = child.bodyEnd;
  }
}

test('ENVELOPE, BODY and BODYSTRUCTURE are well-formed, and agree with the tree', () => {
  for (const [name, bytes] of corpus()) {
    const index = indexMessage(bytes);
    checkGrammar(index, name);
  }
});

test('attachments are those that mailparser sees, octet for octet', async () => {
  let compared = 0;
  for (const [name, bytes] of corpus()) {
    // A type without subtype is text/plain here (RFC 2045 §5.2); mailparser calls it an attachment of type `text`.
    if (name.endsWith('msg_14.txt')) continue;
    const parsed = await simpleParser(bytes, { skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true });
    const ours = leaves(indexMessage(bytes).root);
    for (const attachment of parsed.attachments) {
      const found = ours.some(
        (node) =>
          node.type === attachment.contentType &&
          Buffer.from(
            decodeTransfer(bytes.subarray(node.bodyStart, node.bodyEnd), decodingOf(node.encoding) ?? 'identity'),
          ).equals(attachment.content),
      );
      assert.ok(found, `${name}: ${attachment.contentType} of ${attachment.size}`);
      compared += 1;
    }
  }
  assert.ok(compared > 50, `compared ${compared}`);
});

test('subjects and dates are those that mailparser sees', async () => {
  for (const [name, bytes] of corpus()) {
    const parsed = await simpleParser(bytes, { skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true });
    const { headers } = indexMessage(bytes);
    assert.equal(headers.subject, (parsed.subject ?? '').replace(/\s+/g, ' '), name);
    // mailparser takes now for a date that can't be read, and keeps fractions of seconds.
    if (headers.date !== undefined) {
      assert.equal(headers.date.time, Math.floor((parsed.date?.getTime() ?? 0) / 1000) * 1000, name);
    }
  }
});

test('the result does not depend on where chunks part', () => {
  for (const [name, bytes] of corpus()) {
    const whole = indexMessage(bytes);
    for (const step of bytes.length > 100_000 ? [4093] : [1, 2, 7, 61, 1021]) {
      const indexer = createIndexer();
      for (let at = 0; at < bytes.length; at += step) indexer.push(bytes.subarray(at, at + step));
      assert.deepEqual(indexer.finish(), whole, `${name} by ${step}`);
    }
  }
});

test('all text can be read for search', () => {
  for (const [name, bytes] of corpus()) {
    const texts = [...searchableTexts(bytes, indexMessage(bytes).root, 0, true)];
    assert.ok(texts.length > 0, name);
  }
});
