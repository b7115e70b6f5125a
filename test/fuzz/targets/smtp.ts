/** SMTP and LMTP as a server reads them: lines, commands with their parameters, and contents. */
import assert from 'node:assert/strict';
import { formatBdat, parseAuth, parseBdat, parseHello, splitCommand } from '#mail/smtp/command.ts';
import { type ContentDefect, DataDecoder } from '#mail/smtp/data-decoder.ts';
import { DataEncoder } from '#mail/smtp/data-encoder.ts';
import { type LineEvent, LineSplitter } from '#mail/smtp/line-splitter.ts';
import { formatMail, MAIL_PARAMETERS, parseMail } from '#mail/smtp/mail-command.ts';
import { formatRcpt, parseRcpt } from '#mail/smtp/rcpt-command.ts';
import { CommandSyntaxError } from '#mail/smtp/syntax-error.ts';
import type { FuzzRandom } from '../random.ts';
import { corpus, dialogs, sessions } from '../seeds.ts';
import type { Target } from '../target.ts';
import { enlarged, refusing, roundTrip } from './kit.ts';

export const SMTP_WORDS = [
  'EHLO a.test\r\n',
  'HELO a\r\n',
  'LHLO a\r\n',
  'MAIL FROM:<>',
  'MAIL FROM:<a@b.test>',
  ' SIZE=1',
  ' BODY=BINARYMIME',
  ' BODY=8BITMIME',
  ' SMTPUTF8',
  ' RET=FULL',
  ' ENVID=a+2Bb',
  ' AUTH=<>',
  ' XDELIVERYID=x',
  ' XREDIRECT',
  'RCPT TO:<bob@beta.test>',
  'RCPT TO:<@a,@b:c@d>',
  ' NOTIFY=NEVER',
  ' NOTIFY=SUCCESS,DELAY',
  ' ORCPT=rfc822;a@b',
  ' ORCPT=utf-8;\\x{E9}',
  'DATA\r\n',
  'BDAT 5\r\n',
  'BDAT 0 LAST\r\n',
  'RSET\r\n',
  'NOOP\r\n',
  'QUIT\r\n',
  'STARTTLS\r\n',
  'AUTH PLAIN =\r\n',
  'AUTH LOGIN\r\n',
  '*\r\n',
  '\r\n.\r\n',
  '\n.\n',
  '\r.\r',
  '\r\n..\r\n',
  '\r\n',
  '\n',
  '\r',
  '\0',
  '"a\\"b"@',
  '[IPv6:::1]',
  'postmaster',
  '\xc3\xbc',
  '\xff',
];

export const smtp: Target = {
  name: 'smtp',
  dictionary: SMTP_WORDS,
  seeds: () => [...dialogs('smtp'), ...dialogs('lmtp'), ...sessions('smtp', 'client'), ...corpus(1500).slice(0, 40)],
  run(input, random) {
    const pieces = random.cut(input);
    const limit = random.pick([80, 512, 12_288]);
    const lines = split([input], limit);
    assert.deepEqual(split(pieces, limit), lines, 'lines depend on the pieces');
    for (const { line } of lines) if (line !== undefined) checkLine(line, random);
    for (const stuffed of [true, false]) {
      for (const mode of ['refuse', 'normalise'] as const)
        checkContent(input, pieces, { stuffed, mode, lineLimit: limit });
    }
    checkEncoder(input, pieces);
    if (random.below(300) === 0) {
      const large = enlarged(input);
      split(random.cut(large), limit);
      decode(random.cut(large), { stuffed: true, mode: 'normalise', lineLimit: limit });
    }
  },
};

function split(pieces: readonly Buffer[], limit: number): LineEvent[] {
  const splitter = new LineSplitter(limit);
  const events: LineEvent[] = [];
  for (const piece of pieces) {
    splitter.push(piece);
    for (let event = splitter.next(); event !== undefined; event = splitter.next()) {
      events.push(event.line === undefined ? event : { line: Buffer.from(event.line) });
      // Nobody reads on behind it.
      if (event.defect === 'endless') return events;
    }
  }
  return events;
}

function checkLine(line: Buffer, random: FuzzRandom): void {
  const command = refusing(() => splitCommand(line), CommandSyntaxError);
  if (command === undefined) return;
  const { verb, argument } = command;
  const argumentOf = (text: string): string => splitCommand(Buffer.from(text.replace(/\r\n$/, ''))).argument;
  const lenient = random.chance(50);
  if (verb === 'MAIL') {
    const syntax = { parameters: MAIL_PARAMETERS, lenient };
    const mail = refusing(() => parseMail(argument, syntax), CommandSyntaxError);
    if (mail !== undefined) roundTrip(mail, () => parseMail(argumentOf(formatMail(mail)), syntax));
  } else if (verb === 'RCPT') {
    const syntax = { dsn: true, utf8: random.chance(50), lenient };
    const path = refusing(() => parseRcpt(argument, syntax), CommandSyntaxError);
    if (path !== undefined)
      roundTrip(path, () => parseRcpt(argumentOf(formatRcpt(path, true)), { ...syntax, utf8: true }));
  } else if (verb === 'BDAT') {
    const args = refusing(() => parseBdat(argument), CommandSyntaxError);
    if (args !== undefined) roundTrip(args, () => parseBdat(argumentOf(formatBdat(args))));
  } else if (verb === 'AUTH') refusing(() => parseAuth(argument), CommandSyntaxError);
  else if (verb === 'EHLO' || verb === 'HELO' || verb === 'LHLO')
    refusing(() => parseHello(verb, argument), CommandSyntaxError);
}

type Options = ConstructorParameters<typeof DataDecoder>[0];

interface Decoded {
  readonly content: string | undefined;
  readonly defect: ContentDefect | undefined;
  readonly done: boolean;
  readonly rest: string;
}

function decode(pieces: readonly Buffer[], options: Options): Decoded {
  const decoder = new DataDecoder(options);
  const out: Buffer[] = [];
  for (const [i, piece] of pieces.entries()) {
    out.push(Buffer.from(decoder.push(piece)));
    if (!decoder.done) continue;
    const rest = Buffer.concat([decoder.rest, ...pieces.slice(i + 1)]).toString('latin1');
    return { content: contentOf(out, decoder), defect: decoder.defect, done: true, rest };
  }
  if (!options.stuffed) out.push(decoder.finish());
  return { content: contentOf(out, decoder), defect: decoder.defect, done: false, rest: '' };
}

/** What comes out of spoilt content has no meaning. */
const contentOf = (out: readonly Buffer[], { defect }: DataDecoder): string | undefined =>
  defect === undefined ? Buffer.concat(out).toString('latin1') : undefined;

function checkContent(input: Buffer, pieces: readonly Buffer[], options: Options): void {
  const whole = decode([input], options);
  const parted = decode(pieces, options);
  // Which of two defects is told is of no consequence.
  assert.deepEqual(
    { ...parted, defect: parted.defect !== undefined },
    { ...whole, defect: whole.defect !== undefined },
    'content depends on the pieces',
  );
  if (whole.content === undefined) return;
  assert.ok(whole.content.length <= 2 * input.length + 2, 'content grows');
  const regular = whole.done || !options.stuffed ? whole.content : whole.content.replace(/\r$/, '');
  assert.doesNotMatch(regular, /\0|\r(?!\n)|(?<!\r)\n/, 'irregular content was let through');
}

/** Whatever our client sends as content, a strict server ends it where we do and reads what we meant. */
function checkEncoder(input: Buffer, pieces: readonly Buffer[]): void {
  const encode = (parts: readonly Buffer[]): Buffer => {
    const encoder = new DataEncoder();
    const out = parts.map((part) => Buffer.from(encoder.push(part)));
    return Buffer.concat([...out, encoder.finish()]);
  };
  const sent = encode([input]);
  assert.ok(encode(pieces).equals(sent), 'what is sent depends on the pieces');
  const text = input.toString('latin1').replace(/\r\n|\r|\n/g, '\r\n');
  const meant = text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`;
  const read = decode([Buffer.concat([sent, Buffer.from('QUIT')])], {
    stuffed: true,
    mode: 'refuse',
    lineLimit: 1_000_000,
  });
  assert.equal(read.done, true, 'the content has no end');
  assert.equal(read.rest, 'QUIT', 'the content ends elsewhere');
  if (read.defect !== 'nul') assert.equal(read.content, meant);
}
