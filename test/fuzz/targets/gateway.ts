/** What the gateway takes apart beside IMAP and POP3: queries, forms, mbox, archives, and headers for old POP3 clients. */
import assert from 'node:assert/strict';
import { MailError } from '#mail/failure.ts';
import { splitFields } from '#mail/header/fields.ts';
import { MboxDecoder } from '#mail/mbox/decoder.ts';
import { MboxEncoder } from '#mail/mbox/encoder.ts';
import { readAutodiscoverRequest } from '../../../admin/setup/autodiscover.ts';
import { surrogateHeader } from '../../../imap-gateway/pop3/response/surrogate.ts';
import { QueryError } from '../../../imap-gateway/rest/mail/query/lexer.ts';
import { parseQuery } from '../../../imap-gateway/rest/mail/query/parse.ts';
import { authenticationResults } from '../../../imap-gateway/rest/mail/results.ts';
import { downloadHeaders } from '../../../imap-gateway/rest/mail/serve.ts';
import { formParts } from '../../../imap-gateway/rest/sending/multipart.ts';
import { parseMessageEntry } from '../../../transfer/archive/message-entry.ts';
import { readArchive } from '../../../transfer/archive/read.ts';
import { readTar } from '../../../transfer/archive/tar-reader.ts';
import { tarHead } from '../../../transfer/archive/tar-writer.ts';
import type { FuzzRandom } from '../random.ts';
import { corpus } from '../seeds.ts';
import type { Target } from '../target.ts';
import { enlarged, refusing } from './kit.ts';

const FROM = 'From a@b.test Mon Nov 23 16:24:05 2026';
const SAMPLES = [
  'from:alice has:attachment -"out of office" (is:unread OR is:flagged) larger:2.5M after:2026-01-01 in:inbox',
  '--x\r\nContent-Disposition: form-data; name="message"\r\n\r\n{}\r\n--x\r\nContent-Disposition: form-data; name=f; filename="é"\r\n\r\ny\r\n--x--\r\n',
  `${FROM}\nA: b\n\n>From x\n>>From y\n\n${FROM}\n\n`,
  'From: "Jörg, \\"x\\"" <jörg@b.test>, ü@c.test\r\nSubject: é ü\r\n x\r\nContent-Type: a; name="é"\r\n\r\n',
  'Authentication-Results: mail.test 1; dkim=pass (x (y)) header.d="a\\"b"; spf=fail/1\r\n\r\n',
  '<Autodiscover><Request><EMailAddress>a@b.test</EMailAddress></Request></Autodiscover>',
];

export const gateway: Target = {
  name: 'gateway',
  dictionary: [
    'from:',
    'OR',
    'NOT',
    '-',
    '"',
    '(',
    ')',
    '--x',
    '\nFrom ',
    '>',
    FROM,
    '<',
    '>',
    '\\',
    'é',
    '=?',
    '@',
    ';',
    '=',
    '\0',
    '\u202e',
  ],
  seeds: () => [
    ...SAMPLES.map((text) => Buffer.from(text)),
    Buffer.concat([
      tarHead({ name: 'a', size: 3, time: 0, pax: { 'PEERPOST.uid': '1' } }),
      Buffer.from('abc'),
      Buffer.alloc(1_533),
    ]),
    ...corpus(1_500).filter((_, i) => i % 5 === 0),
  ],
  async run(input, random) {
    check(input, random);
    if (random.below(300) === 0) check(enlarged(input), random);
    await checkArchive(input, random);
  },
};

function check(input: Buffer, random: FuzzRandom): void {
  const text = input.toString('utf8');
  refusing(() => parseQuery(text.slice(0, 2_000)), QueryError);
  refusing(() => formParts('x', input), MailError);
  readAutodiscoverRequest(text.slice(0, 16_384));
  authenticationResults(input, 'mail.test');
  checkHeader(input);
  checkMbox(input, random);
  for (const value of Object.values(downloadHeaders(text.slice(0, 500)))) {
    assert.match(value, /^[\x20-\x7e]*$/, 'a header of HTTP in plain ASCII');
  }
}

/** Only that of UTF-8 changes, into ASCII, and keeps its fields. */
function checkHeader(input: Buffer): void {
  const end = input.indexOf('\r\n\r\n');
  const header = end < 0 ? Buffer.concat([input, Buffer.from('\r\n\r\n')]) : input.subarray(0, end + 4);
  const plain = Buffer.from(surrogateHeader(header));
  if (plain.equals(header)) return;
  assert.ok(plain.length <= 20 * header.length + 1_000, 'a header grows');
  const fields = (octets: Buffer): number => splitFields(octets.toString('latin1')).length;
  assert.ok(fields(plain) <= fields(header), 'a header gets fields');
}

function checkMbox(input: Buffer, random: FuzzRandom): void {
  const decoder = new MboxDecoder();
  for (let at = 0; at < input.length; ) {
    const end = at + 1 + random.below(input.length);
    decoder.push(input.subarray(at, end));
    at = end;
  }
  decoder.finish();
  const encoder = new MboxEncoder();
  const file = [encoder.begin({ sender: 'a@b.test', time: 0 }), encoder.push(input), encoder.end()];
  const read = new MboxDecoder();
  const events = [...file.flatMap((piece) => read.push(piece)), ...read.finish()];
  assert.equal(events.filter(({ type }) => type === 'begin').length, 1, 'one message stays one');
}

async function checkArchive(input: Buffer, random: FuzzRandom): Promise<void> {
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < input.length; ) {
      const end = at + 1 + random.below(input.length);
      yield input.subarray(at, end);
      at = end;
    }
  }
  try {
    for await (const entry of readTar(source(), '')) refusing(() => parseMessageEntry(entry), MailError);
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
  }
  try {
    for await (const item of readArchive(source())) assert.ok(item.type);
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
  }
}
