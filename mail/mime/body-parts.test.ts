import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyParts, fileParts, hasAttachment } from './body-parts.ts';
import type { PartNode } from './message-index.ts';

const leaf = (type: string, more: Partial<PartNode> = {}): PartNode => ({
  headerStart: 0,
  bodyStart: 0,
  bodyEnd: 0,
  type,
  encoding: '7bit',
  lines: 0,
  children: [],
  ...more,
});
const multi = (kind: string, ...children: PartNode[]): PartNode => leaf(`multipart/${kind}`, { children });
const file = leaf('application/pdf', { disposition: 'attachment', filename: 'a.pdf' });
const plain = leaf('text/plain');
const html = leaf('text/html');
const image = leaf('image/png');

function paths(root: PartNode): [text: string, html: string, attachments: string, has: boolean] {
  const { text, html, attachments } = bodyParts(root);
  const join = (parts: typeof text): string => parts.map(({ path }) => path).join(' ');
  return [join(text), join(html), join(attachments), hasAttachment(root)];
}

test('texts, HTML and attachments of what is in use', () => {
  assert.deepEqual(paths(plain), ['1', '1', '', false]);
  assert.deepEqual(paths(file), ['', '', '1', true]);
  assert.deepEqual(paths(multi('alternative', plain, html)), ['1', '2', '', false]);
  assert.deepEqual(paths(multi('alternative', html)), ['1', '1', '', false]);
  assert.deepEqual(paths(multi('alternative', plain)), ['1', '1', '', false]);
  assert.deepEqual(paths(multi('alternative', plain, html, leaf('text/calendar'))), ['1', '2', '3', true]);
  assert.deepEqual(paths(multi('mixed', multi('alternative', plain, html), file)), ['1.1', '1.2', '2', true]);
  assert.deepEqual(paths(multi('mixed', plain, file, plain)), ['1 3', '1 3', '2', true]);
  assert.deepEqual(paths(multi('mixed', plain, leaf('text/plain', { filename: 'notes.txt' }))), ['1', '1', '2', true]);
});

test('pictures of an HTML text and signatures are no attachments to people', () => {
  assert.deepEqual(paths(multi('related', html, image)), ['1', '1', '2', false]);
  assert.deepEqual(paths(multi('related', html, leaf('image/png', { disposition: 'attachment' }))), [
    '1',
    '1',
    '2',
    true,
  ]);
  assert.deepEqual(paths(multi('alternative', plain, multi('related', html, image))), ['1', '2.1', '2.2', false]);
  assert.deepEqual(paths(multi('signed', plain, leaf('application/pgp-signature'))), ['1', '1', '2', false]);
});

test('an embedded message is one attachment, and an alternative with more in a branch keeps it to that branch', () => {
  const embedded = leaf('message/rfc822', { children: [multi('mixed', plain, file)] });
  assert.deepEqual(paths(multi('mixed', plain, embedded)), ['1', '1', '2', true]);
  const apple = multi('alternative', plain, multi('mixed', html, image, leaf('text/html')));
  assert.deepEqual(paths(apple), ['1', '2.1 2.2 2.3', '2.2', true]);
  assert.deepEqual(paths(multi('mixed')), ['', '', '1', true]);
});

test('photos that a phone puts among the texts are files to people', () => {
  const photo = leaf('image/jpeg', { disposition: 'inline', filename: 'IMG_1.jpeg', headerStart: 20 });
  const files = (root: PartNode): string[] => fileParts(root).map(({ path }) => path);
  const phone = multi('mixed', plain, photo, plain, { ...file, headerStart: 30 });
  assert.deepEqual(paths(phone), ['1 2 3', '1 2 3', '4', true]);
  assert.deepEqual(files(phone), ['2', '4']);
  assert.deepEqual(paths(multi('mixed', plain, photo)), ['1 2', '1 2', '', true]);
  assert.deepEqual(files(photo), ['1']);
  assert.equal(hasAttachment(photo), true);
  assert.deepEqual(files(multi('alternative', plain, multi('mixed', html, photo, html))), ['2.2']);
  assert.deepEqual(files(multi('related', html, image)), ['2']);
});
