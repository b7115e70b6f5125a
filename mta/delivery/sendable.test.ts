/** What a message becomes for hosts that take less than it needs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BodyType } from '#mail/envelope.ts';
import { contentsOf } from '#mail/mime/convert/convert.testkit.ts';
import { Extensions } from '#runtime/smtp/extensions.ts';
import { MessageContent } from './message-content.ts';
import { type Sendable, Sendables } from './sendable.ts';

const peer = (...keywords: string[]): Extensions => new Extensions({ code: 250, lines: ['peer.test', ...keywords] });

function sendables(text: string, bodyType: BodyType): { of: Sendables; bytes: Buffer; reads: () => number } {
  const bytes = Buffer.from(text, 'latin1');
  let reads = 0;
  const source = {
    async *content(_: string, start = 0, end = bytes.length): AsyncIterable<Uint8Array> {
      reads += 1;
      for (let at = start; at < end; at += 1000) yield bytes.subarray(at, Math.min(end, at + 1000));
    },
  };
  return { of: new Sendables(new MessageContent(source, 'q1', bytes.length), bodyType), bytes, reads: () => reads };
}

async function textOf(sendable: Awaited<ReturnType<Sendables['for']>>): Promise<string> {
  assert.ok(!('code' in sendable), JSON.stringify(sendable));
  const { content } = sendable;
  const all: Uint8Array[] = [];
  if (typeof content !== 'function') all.push(content);
  else for await (const piece of content()) all.push(piece);
  const bytes = Buffer.concat(all);
  assert.equal(bytes.length, sendable.size);
  return bytes.toString('latin1');
}

const binary = 'Content-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\r\xe9\n';

test('RFC 3030 §3: binary content goes as it is where it may', async () => {
  const { of } = sendables(binary, 'binarymime');
  const full = await of.for(peer('8BITMIME', 'CHUNKING', 'BINARYMIME'));
  assert.equal(await textOf(full), binary);
  assert.equal((full as Sendable).bodyType, 'binarymime');
});

test('RFC 3030 §3: elsewhere it is converted, for BINARYMIME without CHUNKING too', async () => {
  const { of, bytes } = sendables(binary, 'binarymime');
  for (const [keywords, bodyType] of [
    [['8BITMIME', 'BINARYMIME'], '8bitmime'],
    [['CHUNKING'], '7bit'],
    [[], '7bit'],
  ] as const) {
    const sendable = await of.for(peer(...keywords));
    const text = await textOf(sendable);
    assert.equal((sendable as Sendable).bodyType, bodyType);
    assert.match(text, /Content-Transfer-Encoding: base64\r\n[\s\S]*\r\n\r\nAA3pCg==\r\n$/);
    assert.deepEqual(contentsOf(Buffer.from(text, 'latin1')), contentsOf(bytes));
  }
});

test('RFC 6152 §3: 8-bit content is converted, or bounced where that is impossible', async () => {
  const eight = 'Subject: x\r\n\r\nh\xe9llo\r\n';
  assert.equal(await textOf(await sendables(eight, '8bitmime').of.for(peer('8BITMIME'))), eight);
  assert.match(await textOf(await sendables(eight, '8bitmime').of.for(peer())), /\r\n\r\nh=E9llo\r\n$/);
  const header = 'Subject: h\xe9\r\n\r\nx\r\n';
  const refused = await sendables(header, '8bitmime').of.for(peer());
  assert.ok('code' in refused);
  assert.equal(`${refused.code} ${refused.enhanced}`, '554 6.3');
});

test('what was never declared 8-bit is converted, or goes on as it came', async () => {
  assert.match(await textOf(await sendables('\r\nh\xe9\r\n', '7bit').of.for(peer())), /\r\n\r\nh=E9\r\n$/);
  const header = 'Subject: h\xe9\r\n\r\nx\r\n';
  assert.equal(await textOf(await sendables(header, '7bit').of.for(peer())), header);
  // Declared 8-bit and plain ASCII needs nothing.
  assert.equal(await textOf(await sendables('\r\nx\r\n', '8bitmime').of.for(peer())), '\r\nx\r\n');
});

test('a large message is converted as it passes, and planned once', async () => {
  const large = `\r\n${'h\xe9llo world\r\n'.repeat(20_000)}`;
  const { of, bytes, reads } = sendables(large, '8bitmime');
  const sendable = await of.for(peer());
  assert.equal(typeof (sendable as Sendable).content, 'function');
  const text = await textOf(sendable);
  assert.deepEqual(contentsOf(Buffer.from(text, 'latin1')), contentsOf(bytes));
  const before = reads();
  await textOf(await of.for(peer()));
  assert.equal(reads(), before + 1);
});
