/** How fast the MIME indexer takes in mail on one core: small messages a second, and megabytes a second of large ones. */
import { createIndexer } from '#mail/mime/indexer.ts';
import { packParts } from '#mail/mime/pack.ts';

const CHUNK = 65_536;
const SECONDS = 2;

export function run(): void {
  const small = smallMessage();
  report(`${small.length} octet messages`, small, 'messages');
  report('25 MB base64 attachment', attachment(25_000_000, 'application/pdf', 'base64'), 'bytes');
  report('25 MB text', attachment(25_000_000, 'text/plain', '7bit'), 'bytes');
  report('25 MB forwarded message', forwarded(25_000_000), 'bytes');
}

function index(message: Buffer): void {
  const indexer = createIndexer();
  for (let at = 0; at < message.length; at += CHUNK) indexer.push(message.subarray(at, at + CHUNK));
  packParts(indexer.finish().root);
}

function report(name: string, message: Buffer, unit: 'messages' | 'bytes'): void {
  const warmUntil = performance.now() + 500;
  while (performance.now() < warmUntil) index(message);
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < SECONDS * 1000) {
    index(message);
    count += 1;
  }
  const seconds = (performance.now() - start) / 1000;
  const rate = unit === 'messages' ? count / seconds : (count * message.length) / seconds / 1e6;
  console.log(
    `mime  ${name.padEnd(26)} ${Math.round(rate).toLocaleString('en')} ${unit === 'messages' ? 'msgs/s' : 'MB/s'}`,
  );
}

const HEADER = [
  'Received: from mx.alpha.test (mx.alpha.test [192.0.2.1])\r\n\tby mx.beta.test with ESMTPS id q1a2b3c4\r\n\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n\tfor <bob@beta.test>;\r\n\tMon, 23 Nov 2026 11:15:01 +0000',
  'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=alpha.test; s=mail;\r\n\th=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR',
  'From: =?UTF-8?Q?Al=C3=ADce_Example?= <alice@alpha.test>',
  'To: Bob Example <bob@beta.test>, "Dave, D." <dave@beta.test>',
  'Cc: carol@alpha.test',
  'Subject: =?UTF-8?B?R3LDvMOfZSBhdXMgZGVtIA==?= =?UTF-8?B?V2VzdGVu?=',
  'Date: Mon, 23 Nov 2026 12:15:01 +0100',
  'Message-ID: <a1b2c3d4e5f6@alpha.test>',
  'In-Reply-To: <0123456789@beta.test>',
  'References: <00@beta.test> <0123456789@beta.test>',
  'MIME-Version: 1.0',
  'User-Agent: Example Mailer 1.0',
  'X-Priority: 3',
];

const line = 'The quick brown fox jumps over the lazy dog, and writes home about it.\r\n';
const HTML = '<p>The quick brown fox <b>jumps</b> over the lazy dog.</p>\r\n';

/** A multipart/alternative of about 4 KB, as people send them. */
function smallMessage(): Buffer {
  const head = [...HEADER, 'Content-Type: multipart/alternative; boundary="=_alt_1234567890"'].join('\r\n');
  const plain = `--=_alt_1234567890\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${line.repeat(14)}`;
  const html = `--=_alt_1234567890\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${HTML.repeat(23)}`;
  return Buffer.from(`${head}\r\n\r\n${plain}\r\n${html}\r\n--=_alt_1234567890--\r\n`);
}

function attachment(size: number, type: string, encoding: string): Buffer {
  const head = [...HEADER, 'Content-Type: multipart/mixed; boundary="=_mix"'].join('\r\n');
  const text = `--=_mix\r\nContent-Type: text/plain\r\n\r\n${line}`;
  const unit = encoding === 'base64' ? `${'QUJD'.repeat(19)}\r\n` : line;
  const body = unit.repeat(Math.ceil(size / unit.length));
  const part = `--=_mix\r\nContent-Type: ${type}; name=x\r\nContent-Transfer-Encoding: ${encoding}\r\nContent-Disposition: attachment\r\n\r\n${body}`;
  return Buffer.from(`${head}\r\n\r\n${text}\r\n${part}\r\n--=_mix--\r\n`);
}

function forwarded(size: number): Buffer {
  const inner = attachment(size, 'image/png', 'base64').toString('latin1').replaceAll('=_mix', '=_inner');
  const head = [...HEADER, 'Content-Type: multipart/mixed; boundary="=_fwd"'].join('\r\n');
  return Buffer.from(`${head}\r\n\r\n--=_fwd\r\nContent-Type: message/rfc822\r\n\r\n${inner}\r\n--=_fwd--\r\n`);
}
