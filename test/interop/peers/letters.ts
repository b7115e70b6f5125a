/** The messages of the trials, octet for octet, and how they are known again at the far end. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';

const MARK = 'X-Trial: ';
/** In the From of each; a server may let in only authors that it knows. */
export const AUTHOR = 'somebody@example.test';

/** A message whose first field is its mark: a relay adds its fields above it. */
export function letter(mark: string, body: Buffer | string, more: readonly (Buffer | string)[] = []): Buffer {
  const fields = [
    `${MARK}${mark}`,
    'Date: Tue, 03 Mar 2026 10:00:00 +0100',
    `From: somebody <${AUTHOR}>`,
    'To: somebody else <else@example.test>',
    `Message-ID: <${mark.replaceAll(/[^a-z0-9]/gi, '.')}.${randomBytes(8).toString('hex')}@example.test>`,
    ...more,
  ];
  const parts = fields.flatMap((field) => [bytes(field), CRLF]);
  return Buffer.concat([...parts, CRLF, bytes(body)]);
}

const bytes = (text: Buffer | string): Buffer => (typeof text === 'string' ? Buffer.from(text) : text);
const CRLF = Buffer.from('\r\n');

export const plain = (mark: string): Buffer =>
  letter(mark, 'hello\r\n', ['Subject: a trial', 'MIME-Version: 1.0', 'Content-Type: text/plain; charset=us-ascii']);

/** Every octet above 127, and nothing that says what it means. */
export function eightBit(mark: string): Buffer {
  const high = Buffer.from(Array.from({ length: 128 }, (_, i) => 128 + i));
  const fields = ['Subject: 8 bit', 'MIME-Version: 1.0', 'Content-Type: text/plain; charset=iso-8859-1'];
  const body = Buffer.concat([high, CRLF, Buffer.from('grüße'), CRLF, Buffer.from('.\xff', 'latin1'), CRLF]);
  return letter(mark, body, [...fields, 'Content-Transfer-Encoding: 8bit']);
}

/** RFC 6532: UTF-8 in the header. */
export const international = (mark: string): Buffer =>
  letter(mark, 'grüße, 世界\r\n', [
    'Subject: grüße, 世界',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
  ]);

/** RFC 5321 §4.5.3.1.6: a text line has at most 1,000 octets with its CRLF. */
const LONGEST = 998;

/** Everything that RFC 5321 lets a message hold: every control character but NUL, CR and LF, dots, long lines, spaces at ends. */
export function odd(mark: string, end = '\r\n'): Buffer {
  const controls = Array.from({ length: 32 }, (_, i) => i)
    .filter((code) => code !== 0 && code !== 10 && code !== 13)
    .map((code) => String.fromCharCode(code));
  const body = [
    '.',
    '..',
    '...',
    '.leading',
    ' .',
    '',
    '',
    ' ',
    '\t',
    'trailing space ',
    'trailing tab\t',
    'From here on mbox quotes',
    '>From there too',
    ...controls,
    `${controls.join('')}\x7f`,
    `x${'\x08'.repeat(40)}y`,
    'a'.repeat(LONGEST),
    '.'.repeat(LONGEST),
    ` ${'b'.repeat(LONGEST - 2)} `,
    `${'c '.repeat(LONGEST / 2)}`,
    '-- ',
    '--',
    'QUIT',
    'RSET',
    '=20=',
    'begin 644 x',
    'MAIL FROM:<a@b.test>',
    '%s%n$(x)`x`\\',
    '',
    ' ',
    '.',
    '',
  ].join('\r\n');
  return letter(mark, `${body}the end${end}`, [
    'Subject: odd  ',
    'X-Empty:',
    'X-Folded: one\r\n\ttwo\r\n  three \r\n\tfour',
    `X-Long: ${'d'.repeat(LONGEST - 8)}`,
    'x-CASE:no space',
    'X-Twice: 1',
    'X-Twice: 2',
    'X-Controls: \x01\x0b\x1b\x7f',
  ]);
}

/** About 20 MB that no relay can compress or guess. */
export function large(mark: string): Buffer {
  const lines = randomBytes(15_000_000).toString('base64').replaceAll(/.{76}/g, '$&\r\n');
  return letter(mark, `${lines}\r\n`, ['Subject: large', 'MIME-Version: 1.0', 'Content-Transfer-Encoding: base64']);
}

export const isMarked = (message: Buffer, mark: string): boolean => message.includes(`${MARK}${mark}\r\n`);

/** Fields that a relay or a delivery agent puts on top (RFC 5321 §4.4, and what programs call theirs). */
const TRACE =
  /^(return-path|received|received-spf|delivered-to|x-original-to|envelope-to|delivery-date|authentication-results|x-mox-\S+|x-haraka\S*)$/i;

/** Asserts that the message is what was sent, octet for octet, below nothing but trace fields. */
export function assertSame(arrived: Buffer, sent: Buffer, mark: string): void {
  const at = arrived.indexOf(`${MARK}${mark}\r\n`);
  const top = arrived.toString('latin1', 0, Math.max(at, 0)).replaceAll(/\r\n[ \t]/g, ' ');
  assert.ok(at >= 0 && (at === 0 || top.endsWith('\r\n')), `${mark}: the mark begins a line`);
  for (const field of top.split('\r\n').filter((line) => line !== '')) {
    assert.match(field.split(':')[0] ?? '', TRACE, `${mark}: only trace fields were added: ${field}`);
  }
  const rest = arrived.subarray(at);
  if (rest.equals(sent)) return;
  let same = 0;
  while (same < sent.length && rest[same] === sent[same]) same += 1;
  const around = (all: Buffer) => JSON.stringify(all.toString('latin1', Math.max(0, same - 60), same + 60));
  assert.fail(
    `${mark}: ${digest(rest)} arrived of ${digest(sent)} sent; they part at octet ${same}: sent ${around(sent)}, arrived ${around(rest)}`,
  );
}

const digest = (all: Buffer): string =>
  `${all.length} octets (${createHash('sha256').update(all).digest('hex').slice(0, 12)})`;
