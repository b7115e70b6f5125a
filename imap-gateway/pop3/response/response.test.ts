import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MailError } from '#mail/failure.ts';
import { decodeWords } from '#mail/header/encoded-word.ts';
import { refusalFor } from './codes.ts';
import { FirstLines } from './first-lines.ts';
import { MultiLine } from './multi-line.ts';
import { err, formatReply, ok } from './reply.ts';
import { surrogateHeader } from './surrogate.ts';

/** Octets that matter, mostly. */
const content = fc
  .array(fc.constantFrom('.', '\r', '\n', '\r\n', '\r\n.', 'a', 'ä', '..', '\n.\n'), { maxLength: 30 })
  .map((pieces) => Buffer.from(pieces.join('')));

function cut(octets: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts.map((at) => at % (octets.length + 1)), octets.length].sort((a, b) => a - b);
  return places.map((to, i) => octets.subarray(places[i - 1] ?? 0, to));
}

function sent(pieces: readonly Uint8Array[]): string {
  const out: Buffer[] = [];
  const answer = new MultiLine((bytes) => out.push(Buffer.from(bytes as string)));
  for (const piece of pieces) answer.push(piece);
  answer.end();
  return Buffer.concat(out).toString('latin1');
}

test('what a client reads back is what was stored, however it was cut, with CRLF at each line’s end', () => {
  fc.assert(
    fc.property(content, fc.array(fc.nat(), { maxLength: 8 }), (octets, cuts) => {
      const text = sent(cut(octets, cuts));
      // As any client reads, also one for which a bare LF ends a line: the first lone dot is the end.
      for (const end of [/\r\n/, /\r?\n/]) {
        const lines = text.split(end);
        assert.equal(lines.indexOf('.'), lines.length - 2, JSON.stringify(text));
      }
      const lines = text.split('\r\n').slice(0, -2);
      const read = lines.map((line) => `${line.startsWith('.') ? line.slice(1) : line}\r\n`).join('');
      const stored = octets.toString('latin1').replaceAll(/\r?\n/g, '\r\n');
      const whole =
        stored === '' || stored.endsWith('\r\n') ? stored : stored.endsWith('\r') ? `${stored}\n` : `${stored}\r\n`;
      assert.equal(read, whole);
    }),
  );
});

test('so many lines, however they were cut', () => {
  fc.assert(
    fc.property(content, fc.array(fc.nat(), { maxLength: 8 }), fc.nat({ max: 6 }), (octets, cuts, lines) => {
      const first = new FirstLines(lines);
      const taken = Buffer.concat(cut(octets, cuts).map((piece) => first.take(piece))).toString('latin1');
      const expected = octets.toString('latin1').split('\n');
      const whole =
        expected.length > lines
          ? `${expected.slice(0, lines).join('\n')}${lines > 0 ? '\n' : ''}`
          : expected.join('\n');
      assert.equal(taken, whole);
    }),
  );
});

test('a status line is one line of at most 512 octets of US-ASCII', () => {
  assert.equal(formatReply(ok('')), '+OK\r\n');
  assert.equal(formatReply(err('No', 'IN-USE')), '-ERR [IN-USE] No\r\n');
  const line = formatReply(err(`ä\r\n.\r\n${'x'.repeat(1_000)}`));
  assert.match(line, /^-ERR \?{3}\.\?\?x+\r\n$/);
  assert.equal(line.length, 512);
});

test('unknown trouble is temporary, and tells nothing', () => {
  assert.deepEqual(refusalFor(new Error('secret'), 'abc'), err('Internal error, session abc', 'SYS/TEMP'));
  assert.deepEqual(refusalFor(new MailError('not-permitted', 'suspended'), 'abc'), err('suspended', 'AUTH'));
});

test('RFC 6856 §2.1: a header in UTF-8 is ASCII for those who haven’t asked for it, and says the same', () => {
  const surrogate = (text: string): string => Buffer.from(surrogateHeader(Buffer.from(text))).toString('utf8');
  const ascii = 'Subject: plain\r\nX: a\r\n b\r\n\r\n';
  assert.equal(surrogate(ascii), ascii);
  const subject = surrogate('Subject: Grüße aus Köln, alles gut\r\n folded ünd more\r\nTo: a@b.test\r\n\r\n');
  assert.match(subject, /^[\x20-\x7e\r\n]*$/);
  assert.match(
    decodeWords(subject.replaceAll('\r\n ', ' ')),
    /^Subject: Grüße aus Köln, alles gut folded ünd more\r\nTo: a@b.test\r\n\r\n$/,
  );
  assert.equal(decodeWords(surrogate('From: "Jörg, der" <a@b.test>\r\n\r\n')), 'From: Jörg, der <a@b.test>\r\n\r\n');
  assert.equal(
    decodeWords(surrogate('To: Jörg <jörg@b.test>, ü@c.test, d@e.test\r\n\r\n')),
    'To: Jörg<jörg@b.test> :;, ü@c.test :;, d@e.test\r\n\r\n',
  );
  assert.match(
    surrogate('Content-Disposition: attachment; filename="ü.pdf"\r\n\r\n'),
    /filename="=\?UTF-8\?.*\?="\r\n/,
  );
});

test('what is neither ASCII nor UTF-8 stays as it is', () => {
  const broken = Buffer.from('Subject: Gr\xfc\xdfe\r\n\r\n', 'latin1');
  assert.equal(surrogateHeader(broken), broken);
});

test('any header in UTF-8 becomes ASCII with the same number of fields', () => {
  const field = fc.string({
    unit: fc.constantFrom('a', ':', ' ', '"', '<', '>', '@', 'ü', '漢', ',', ';', '\\'),
    maxLength: 40,
  });
  fc.assert(
    fc.property(fc.constantFrom('From', 'Subject', 'Content-Type', 'X-ü'), field, (name, body) => {
      const header = Buffer.from(`${name}: ${body}\r\nEnd: x\r\n\r\n`);
      const text = Buffer.from(surrogateHeader(header)).toString('latin1');
      assert.match(text, /^[\x20-\x7e\r\n]*\r\nEnd: x\r\n\r\n$/);
      assert.equal(text.split(/\r\n(?! )/).length, 4);
    }),
  );
});

test('a header that strangers made to be slow is not', () => {
  const headers = [
    `From: <${'é'.repeat(100_000)}`,
    `From: "${'é'.repeat(100_000)}`,
    `From: ${'"\\'.repeat(100_000)}é`,
    `From: ${'é'.repeat(100_000)}`,
    `Subject: ${'a'.repeat(100_000)} é`,
    `Subject: ${'é '.repeat(100_000)}`,
    `Content-Type: x; name="${'é'.repeat(100_000)}`,
  ];
  const { user: before } = process.cpuUsage();
  for (const header of headers) surrogateHeader(Buffer.from(`${header}\r\n\r\n`));
  const ms = (process.cpuUsage().user - before) / 1_000;
  assert.ok(ms < 5_000, `${ms} ms`);
});
