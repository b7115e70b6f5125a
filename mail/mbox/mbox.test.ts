import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MboxDecoder, type MboxEvent } from './decoder.ts';
import { MboxEncoder } from './encoder.ts';
import { formatFromLine, parseFromLine } from './from-line.ts';
import { formatStatus, parseStatus } from './status.ts';

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const inside = cuts.map((cut) => (bytes.length === 0 ? 0 : cut % bytes.length)).toSorted((a, b) => a - b);
  const at = [0, ...inside, bytes.length];
  return at.slice(1).map((end, i) => Buffer.from(bytes.subarray(at[i], end)));
}

function write(messages: readonly Buffer[], cuts: readonly number[] = []): Buffer {
  const encoder = new MboxEncoder();
  return Buffer.concat(
    messages.flatMap((message) => [
      encoder.begin({ sender: 'a@alpha.test', time: 1000 }),
      ...split(message, cuts).map((chunk) => encoder.push(chunk)),
      encoder.end(),
    ]),
  );
}

function read(file: Buffer, cuts: readonly number[] = []): string[] {
  const decoder = new MboxDecoder();
  const events: MboxEvent[] = split(file, cuts).flatMap((chunk) => decoder.push(chunk));
  events.push(...decoder.finish());
  assert.equal(decoder.failed, false);
  const messages: string[] = [];
  let open: string[] | undefined;
  for (const event of events) {
    if (event.type === 'begin') {
      assert.equal(open, undefined, 'a message begins within another');
      open = [];
    } else if (event.type === 'data') open!.push(event.bytes.toString('latin1'));
    else {
      messages.push(open!.join(''));
      open = undefined;
    }
  }
  assert.equal(open, undefined);
  return messages;
}

/** Lines made of what the codec looks for. */
const line = fc
  .array(fc.constantFrom('>', 'From ', 'F', 'From', ' ', '\r', 'a', 'ÿ', 'From x Mon Nov 23 16:24:05 2026'), {
    maxLength: 6,
  })
  .map((parts) => parts.join('').replace(/\r+$/, ''));
const message = fc.array(line, { maxLength: 8 }).map((lines) => lines.map((text) => `${text}\r\n`).join(''));

test('what was written is read back octet for octet, wherever chunks part', () => {
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 6 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (messages, first, second) => {
        const file = write(
          messages.map((text) => Buffer.from(text, 'latin1')),
          first,
        );
        assert.deepEqual(file, write(messages.map((text) => Buffer.from(text, 'latin1'))));
        assert.ok(!file.includes('\r\n'));
        assert.deepEqual(read(file, second), messages);
      },
    ),
    { numRuns: 2000 },
  );
});

test('lines longer than any buffer are passed on in pieces, and stay what they are', () => {
  const quotes = '>'.repeat(200_000);
  const text = `${quotes}From here\r\n${quotes}\r\nFrom ${'x'.repeat(150_000)}\r\n${'y'.repeat(65_535)}\r\nend\r\n`;
  const file = write([Buffer.from(text)], [70_000, 140_000, 199_999, 200_003, 290_000]);
  assert.ok(file.includes(`${quotes}>From here`));
  assert.deepEqual(read(file, [66_000, 70_000, 150_001, 200_100, 300_000, 400_000]), [text]);
  assert.deepEqual(read(file), [text]);
});

test('a file of CRLF lines, a missing last line end, and no empty line between messages are read', () => {
  const from = 'From a@b Mon Nov 23 16:24:05 2026';
  assert.deepEqual(read(Buffer.from(`${from}\r\nA: 1\r\n\r\n>From x\r\n\r\n${from}\r\nB: 2\r\n\r\ny`)), [
    'A: 1\r\n\r\nFrom x\r\n',
    'B: 2\r\n\r\ny',
  ]);
  assert.deepEqual(read(Buffer.from(`\n\n${from}\nA: 1\n${from}\nB: 2\n`)), ['A: 1\r\n', 'B: 2\r\n']);
  assert.deepEqual(read(Buffer.from(`${from}\nA: 1\n\n${from}`)), ['A: 1\r\n', '']);
  assert.deepEqual(read(Buffer.from(from)), ['']);
  assert.deepEqual(read(Buffer.from('\n\n')), []);
});

test('a line of text that begins with From stays text when it has no time', () => {
  const text = 'A: 1\n\nFrom here to there\nFrom then on\n';
  assert.deepEqual(read(Buffer.from(`From ???@??? Mon Nov 23 16:24:05 2026\n${text}\n`)), [
    text.replaceAll('\n', '\r\n'),
  ]);
});

test('what is no mbox is said to be none', () => {
  for (const text of ['Subject: x\n\n', 'Fro\n', `From ${'x'.repeat(3000)}`]) {
    const decoder = new MboxDecoder();
    assert.deepEqual([...decoder.push(Buffer.from(text)), ...decoder.finish()], []);
    assert.equal(decoder.failed, true, text.slice(0, 10));
  }
});

test('times of all dialects are read', () => {
  const at = Date.UTC(2026, 10, 23, 16, 24, 5);
  for (const text of [
    'Mon Nov 23 16:24:05 2026',
    'Mon Nov 23 17:24:05 +0100 2026',
    'Mon Nov 23 16:24:05 +0000 2026',
    'Mon Nov 23 11:24:05 EST 2026',
    'Mon Nov 23 16:24:05 UTC 2026',
    'Mon Nov 23 09:24:05 2026 -0700',
  ]) {
    assert.deepEqual(parseFromLine(`From bob@beta.test ${text}\r`), { sender: 'bob@beta.test', time: at }, text);
  }
  assert.deepEqual(parseFromLine('From - Mon Nov  2 16:24 2026'), {
    sender: '-',
    time: Date.UTC(2026, 10, 2, 16, 24),
  });
  assert.deepEqual(parseFromLine('From bob'), { sender: 'bob' });
  fc.assert(
    fc.property(fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }), (seconds) => {
      const line = formatFromLine({ sender: 'ü@x.test', time: seconds * 1000 });
      assert.deepEqual(parseFromLine(line.toString('latin1')), { sender: 'ü@x.test', time: seconds * 1000 });
    }),
  );
  assert.match(formatFromLine({ sender: 'a b\n', time: Number.NaN }).toString(), /^From MAILER-DAEMON Thu Jan {2}1 /);
});

test('flags are read back, and our fields are taken off exactly', () => {
  const flags = fc.uniqueArray(
    fc.constantFrom('\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft', '$Forwarded', 'work', 'a-b'),
  );
  fc.assert(
    fc.property(flags, fc.constantFrom('', 'Status: RO\r\n', 'Subject: x\r\nX-Status: F\r\n'), (set, header) => {
      const fields = formatStatus(set);
      const parsed = parseStatus(`${fields}${header}\r\n`);
      assert.equal(parsed.skip, fields.length);
      assert.deepEqual(parsed.flags.toSorted(), set.toSorted());
    }),
  );
});

test("other programs' fields are read and left where they are", () => {
  const flagsOf = (header: string) => parseStatus(header.replaceAll('\n', '\r\n'));
  assert.deepEqual(flagsOf('Subject: x\nStatus: RO\nX-Status: AF\nX-Keywords: one two (bad\n\nStatus: D'), {
    flags: ['\\Seen', '\\Answered', '\\Flagged', 'one', 'two'],
    skip: 0,
  });
  assert.deepEqual(flagsOf('X-Mozilla-Status: 1003\nX-Mozilla-Keys: $label1   \n\n').flags, [
    '\\Seen',
    '\\Answered',
    '$Forwarded',
    '$label1',
  ]);
  assert.deepEqual(flagsOf('X-Gmail-Labels: Inbox,Starred\n\n').flags, ['\\Seen', '\\Flagged']);
  assert.deepEqual(flagsOf('X-Gmail-Labels: Inbox,Unread\n\n').flags, []);
});
