import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatReply, type Reply, reply } from './reply.ts';
import { ReplyParser, ReplySyntaxError } from './reply-parser.ts';

const parse = (text: string) => new ReplyParser().push(Buffer.from(text));

test('ReplyParser reads single and multiline replies', () => {
  assert.deepEqual(parse('220 hi\r\n250-a\r\n250-b c\r\n250 d\r\n354\r\n'), [
    reply(220, undefined, 'hi'),
    reply(250, undefined, 'a', 'b c', 'd'),
    reply(354, undefined, ''),
  ]);
});

test('RFC 2034 §4: the enhanced code is taken off each line; one of another class is text', () => {
  assert.deepEqual(parse('550-5.1.1 no\r\n550 5.1.1 such user\r\n'), [reply(550, '1.1', 'no', 'such user')]);
  assert.deepEqual(parse('550 2.1.1 odd\r\n'), [reply(550, undefined, '2.1.1 odd')]);
});

test('ReplyParser gives up on what is no reply, and on too much of one', () => {
  for (const text of [
    'hello\r\n',
    '100 x\r\n',
    '250-a\r\n251 b\r\n',
    '2500 x\r\n',
    `250 ${'x'.repeat(5000)}\r\n`,
    'x'.repeat(5000),
    '250-a\r\n'.repeat(20_000),
  ]) {
    assert.throws(() => parse(text), ReplySyntaxError, text.slice(0, 20));
  }
});

test('what the server formats, the client reads, however it is cut', () => {
  const line = fc.string({ unit: fc.constantFrom(...Array.from('abc 019.-é')), maxLength: 20 });
  const replies = fc.array(
    fc.tuple(
      fc.constantFrom(220, 250, 354, 421, 550),
      fc.option(fc.constantFrom('1.1', '7.25')),
      fc.array(line, { minLength: 1, maxLength: 4 }),
    ),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(replies, fc.array(fc.nat(100)), (made, cuts) => {
      // A plain text that looks like an enhanced code would be read as one.
      const expected: Reply[] = made.map(([code, enhanced, lines]) =>
        reply(code, code === 354 ? undefined : (enhanced ?? '0.0'), ...lines.map((text) => `x${text}`)),
      );
      const bytes = Buffer.from(expected.map(formatReply).join(''));
      const parser = new ReplyParser();
      const at = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
      const found = at.slice(1).flatMap((end, i) => parser.push(bytes.subarray(at[i], end)));
      assert.deepEqual(found, expected);
      assert.equal(parser.partial, false);
    }),
  );
});
