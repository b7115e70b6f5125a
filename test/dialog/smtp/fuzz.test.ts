/** Whatever a client sends, in whatever pieces: replies stay replies, no fault is logged, and the pieces don't matter. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatReply } from '#mail/smtp/reply.ts';
import { ReplyParser } from '#mail/smtp/reply-parser.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { FakeClock } from '#test/support/clock.ts';
import { recordingLog } from '#test/support/log.ts';
import { connectionPair } from '#test/support/memory-connection.ts';
import { fakeRandom } from '#test/support/random.ts';
import { createSmtpServer } from '../../../mta/server/listener.ts';
import { fakeDirectory, memorySpool, noNames, rememberingSink, testConfig } from './world.ts';

const PARTS = [
  'EHLO a.test\r\n',
  'HELO a.test\r\n',
  'MAIL FROM:<a@alpha.test>\r\n',
  'MAIL FROM:<> SIZE=10\r\n',
  'RCPT TO:<bob@beta.test>\r\n',
  'RCPT TO:<x@far.test>\r\n',
  'DATA\r\n',
  'BDAT 4\r\n',
  'BDAT 4 LAST\r\n',
  'BDAT 0 LAST\r\n',
  'abcd',
  'RSET\r\n',
  'NOOP\r\n',
  '.\r\n',
  '\r\n.\r\n',
  '\n.\n',
  '\r',
  '\n',
  '\0',
  'a: b\r\n',
  'AUTH PLAIN\r\n',
  '*\r\n',
  'STARTTLS\r\n',
  'é',
  '\xff',
  'GET / HTTP/1.1\r\n',
  '"<>@:;,\\',
  ' ',
  'BDAT x\r\n',
] as const;

async function talk(chunks: readonly string[]): Promise<{ replies: string; messages: number; faults: number }> {
  const clock = new FakeClock();
  const sink = rememberingSink();
  const spool = memorySpool();
  const log = recordingLog();
  const server = createSmtpServer({
    config: testConfig({ messageSize: 2000 }),
    directory: fakeDirectory(),
    sink,
    resolver: noNames,
    coordination: new LocalCoordination(clock),
    spool,
    hasRoom: async () => true,
    clock,
    random: fakeRandom(),
    log,
  });
  const pair = connectionPair({ clock, remote: { address: '127.0.0.1', port: 4000 } });
  const session = server.accept('smtp', pair.server);
  const parser = new ReplyParser();
  let replies = '';
  const reading = (async () => {
    for (;;) {
      const chunk = await pair.client.read().catch(() => null);
      if (chunk === null) return;
      for (const reply of parser.push(chunk)) replies += formatReply(reply).replace(/as \w{17}/, 'as (id)');
    }
  })();
  // The pause before the greeting.
  await clock.advance(100);
  for (const chunk of chunks) {
    await pair.client.write(Buffer.from(chunk, 'latin1')).catch(() => undefined);
    // Delays of errors pass at once.
    await clock.advance(100);
  }
  await clock.advance(60_000);
  await pair.client.end();
  await clock.advance(60_000);
  await Promise.all([session, reading]);
  assert.equal(parser.partial, false);
  assert.equal(spool.size, 0);
  return {
    replies,
    messages: sink.messages.length,
    faults: log.entries.filter((entry) => entry.level === 'error').length,
  };
}

test('random conversations end well', async () => {
  const conversation = fc.array(fc.constantFrom(...PARTS), { maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(conversation, async (parts) => {
      const { faults, replies } = await talk(['EHLO a.test\r\n', ...parts]);
      assert.equal(faults, 0);
      assert.match(replies, /^220 /);
      assert.doesNotMatch(replies, /^451 4\.3\.0/m);
    }),
    { numRuns: 150 },
  );
});

test('octet by octet and line by line is the same conversation', async () => {
  // Only commands that may be pipelined: what ends a group is judged by what has arrived behind it.
  const calm = PARTS.filter((part) => !/^(?:EHLO|HELO|DATA|AUTH|STARTTLS|GET)/.test(part));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...calm), { maxLength: 12 }), async (parts) => {
      const text = parts.join('');
      const hello = 'EHLO a.test\r\n';
      const whole = await talk([hello, text]);
      const octets = await talk([hello, ...Array.from(text)]);
      assert.deepEqual(octets, whole);
    }),
    { numRuns: 100 },
  );
});
