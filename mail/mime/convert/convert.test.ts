import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ParsedMail, simpleParser } from 'mailparser';
import { checkConversion, contentsOf, convertWhole } from './convert.testkit.ts';
import type { Aim } from './plan.ts';

const CORPUS = new URL('../../../test/fixture/corpus/', import.meta.url);
const SEVEN: Aim = { domain: '7bit', lines: false };
const EIGHT: Aim = { domain: '8bit', lines: true };
const STRICT: Aim = { domain: '7bit', lines: true };

const message = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'), 'latin1');
const converted = (bytes: Buffer, aim: Aim = SEVEN): string => convertWhole(bytes, aim).bytes.toString('latin1');
const obstacle = (bytes: Buffer, aim: Aim = SEVEN): string | undefined => {
  const { plan } = convertWhole(bytes, aim);
  return plan.kind === 'impossible' ? plan.obstacle : undefined;
};

test('RFC 6152 §3: text becomes quoted-printable, with the fields that say so', () => {
  const bytes = message('Subject: x', '', 'h\xe9llo = ', 'world', '');
  assert.equal(
    converted(bytes),
    'Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nh=E9llo =3D=20\r\nworld\r\n',
  );
  checkConversion(bytes, SEVEN);
});

test('a message that fits stays as it is, whatever its lines', () => {
  const bytes = message('Content-Transfer-Encoding: 7bit', '', 'x'.repeat(5000), '');
  assert.equal(converted(bytes), bytes.toString('latin1'));
  assert.match(converted(bytes, STRICT), /^Content-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1\.0\r\n/);
});

test('each leaf is encoded as it needs, and multiparts and embedded messages are named anew', () => {
  const bytes = message(
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    'Content-Transfer-Encoding: binary',
    '',
    'pr\xe9amble',
    '--b',
    'Content-Type: image/png',
    'CONTENT-TRANSFER-ENCODING: binary',
    ' (folded)',
    '',
    '\x89PNG\r\n\0\n',
    '--b',
    'Content-Type: message/rfc822',
    'Content-Transfer-Encoding: 8bit',
    '',
    'Subject: inner',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    'only one \xc3\xa9',
    '--b',
    'Content-Transfer-Encoding: base64',
    '',
    'AAAA',
    '--b--',
    '\xe9pilogue',
    '',
  );
  assert.equal(
    converted(bytes),
    message(
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=b',
      'Content-Transfer-Encoding: 7bit',
      '',
      '--b',
      'Content-Type: image/png',
      'Content-Transfer-Encoding: base64',
      '',
      'iVBORw0KAAo=',
      '--b',
      'Content-Type: message/rfc822',
      'Content-Transfer-Encoding: 7bit',
      '',
      'Subject: inner',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'only one =C3=A9',
      '--b',
      'Content-Transfer-Encoding: base64',
      '',
      'AAAA',
      '--b--',
      '',
    ).toString('latin1'),
  );
  // Towards 8BITMIME only what is binary has to change.
  const eight = converted(bytes, EIGHT);
  assert.match(eight, /^MIME-Version.*\r\n.*\r\nContent-Transfer-Encoding: 8bit\r\n\r\npr\xe9amble/);
  assert.match(eight, /iVBORw0KAAo=\r\n--b\r\n[\s\S]*Content-Transfer-Encoding: 8bit\r\n\r\nonly one \xc3\xa9\r\n/);
  for (const aim of [SEVEN, EIGHT, STRICT]) checkConversion(bytes, aim);
});

test('what can not be converted: signed parts, header fields, unknown encodings, types that forbid any', () => {
  const signed = ['Content-Type: multipart/signed; boundary=b', '', '--b', '', 'h\xe9', '--b--', ''];
  assert.equal(obstacle(message(...signed)), 'signed');
  assert.equal(obstacle(message('Content-Type: message/rfc822', '', ...signed)), 'signed');
  assert.equal(obstacle(message('Subject: h\xe9', '', 'x')), 'header');
  assert.equal(obstacle(message('Content-Type: message/rfc822', '', 'Subject: h\xe9', '', 'x')), 'header');
  assert.equal(obstacle(message('Content-Transfer-Encoding: x-uue', '', 'h\xe9')), 'encoding');
  assert.equal(obstacle(message('Content-Type: message/partial; id=a', '', 'h\xe9')), 'encoding');
  assert.equal(obstacle(message('Content-Type: multipart/mixed', '', 'h\xe9')), 'structure');
  assert.equal(obstacle(message('Content-Type: multipart/mixed; boundary=b', '', 'h\xe9')), 'structure');
  // A signature over what fits is no obstacle, and stays as it is.
  const fitting = message(
    'Content-Type: multipart/mixed; boundary=a',
    '',
    '--a',
    'Content-Type: multipart/signed; boundary=b',
    'Content-Transfer-Encoding: 8bit',
    '',
    '--b',
    'Content-Transfer-Encoding: 8bit',
    '',
    'hello',
    '--b--',
    '--a',
    '',
    'h\xe9',
    '--a--',
    '',
  );
  assert.match(
    converted(fitting),
    /Content-Transfer-Encoding: 7bit\r\n\r\n--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\nhello/,
  );
});

test('a header field that DKIM signed is no obstacle', () => {
  assert.equal(obstacle(message('DKIM-Signature: v=1; bh=x', '', 'h\xe9', '')), undefined);
});

test('no soft line break makes a line that looks like a delimiter', () => {
  for (let fill = 60; fill < 90; fill += 1) {
    const bytes = message(
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      '',
      `\xe9${'x'.repeat(fill)}--b`,
      '--b--',
      '',
    );
    checkConversion(bytes, SEVEN);
  }
});

const files = readdirSync(CORPUS, { recursive: true, encoding: 'utf8' }).filter((name) =>
  /\.(?:eml|msg|txt)$/.test(name),
);
const corpus = files.sort().map((name) => {
  const text = readFileSync(new URL(name, CORPUS), 'latin1').replace(/\r?\n/g, '\r\n');
  return [name, Buffer.from(text, 'latin1')] as const;
});

test('nothing is lost of any message of the corpus', () => {
  let done = 0;
  for (const [name, bytes] of corpus) {
    for (const aim of [SEVEN, STRICT, EIGHT]) {
      try {
        const plan = checkConversion(bytes, aim);
        if (plan.kind === 'possible' && plan.steps.length > 0) done += 1;
      } catch (error) {
        throw new Error(name, { cause: error });
      }
    }
  }
  assert.ok(done > 20, `${done} conversions`);
});

test('nothing is lost of what a leaf may hold, and pieces do not matter', () => {
  const octets = fc.uint8Array({ maxLength: 400 });
  const texts = fc
    .array(fc.constantFrom(' ', '\t', '\r\n', '\r', '\n', '=', '\xe9', '\0', '-', '.', 'word', 'x'.repeat(80)), {
      maxLength: 60,
    })
    .map((words) => Buffer.from(words.join(''), 'latin1'));
  const type = fc.constantFrom('text/plain', 'application/octet-stream', 'text/html; charset=utf-8');
  const content = fc.oneof(octets, texts);
  const aim = fc.constantFrom(SEVEN, STRICT, EIGHT);
  fc.assert(
    fc.property(type, content, fc.boolean(), aim, fc.integer({ min: 1, max: 50 }), (kind, inner, wrapped, to, cut) => {
      const part = Buffer.concat([
        message(`Content-Type: ${kind}`, 'Content-Transfer-Encoding: binary', '', ''),
        inner,
      ]);
      const top = message('MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="=_b"', '', '--=_b', '');
      const bytes = wrapped ? Buffer.concat([top, part, message('', '--=_b--', '')]) : part;
      checkConversion(bytes, to, cut);
      assert.deepEqual(convertWhole(bytes, to, cut), convertWhole(bytes, to));
    }),
    { numRuns: 300 },
  );
});

test('damaged messages: no octet of a part is lost, or the conversion is refused', () => {
  const damage = fc.array(
    fc.tuple(fc.nat(), fc.constantFrom('\xe9', '\0', '\n', '\r\n\r\n', '--', '', 'Content-Type: text/html\r\n')),
    {
      maxLength: 4,
    },
  );
  fc.assert(
    fc.property(fc.constantFrom(...corpus), damage, fc.constantFrom(SEVEN, STRICT, EIGHT), ([, bytes], wounds, aim) => {
      let text = bytes.subarray(0, 4000).toString('latin1');
      for (const [place, wound] of wounds) {
        const at = place % (text.length + 1);
        text = text.slice(0, at) + wound + text.slice(at + 1);
      }
      checkConversion(Buffer.from(text, 'latin1'), aim, 100);
    }),
    { numRuns: 300 },
  );
});

test('what follows the last part is dropped and its delimiter is not, also behind an empty part and behind a mere header', () => {
  const head = [
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain',
  ];
  for (const rest of [
    ['', 'a', '--b--', ''],
    ['', '', '--b--', ''],
    ['', '--b--', ''],
  ]) {
    const bytes = Buffer.concat([message(...head, ...rest), Buffer.from('\xe9', 'latin1')]);
    checkConversion(bytes, SEVEN);
    const { bytes: out } = convertWhole(bytes, SEVEN);
    assert.equal(Buffer.from(out ?? []).toString('latin1'), message(...head, ...rest).toString('latin1'));
  }
});

test('contentsOf tells messages apart', () => {
  assert.notDeepEqual(contentsOf(message('', 'a')), contentsOf(message('', 'b')));
});

test('a parser that is not ours reads the same before and after', async () => {
  let done = 0;
  for (const [name, bytes] of corpus) {
    const { plan, bytes: after } = convertWhole(bytes, SEVEN);
    if (plan.kind === 'impossible' || plan.steps.length === 0) continue;
    const [one, other] = await Promise.all([simpleParser(bytes), simpleParser(after)]);
    assert.equal(other.text?.trimEnd(), one.text?.trimEnd(), name);
    assert.equal(other.html, one.html, name);
    // Parts of an embedded message may have changed.
    const files = (mail: ParsedMail): unknown =>
      mail.attachments
        .filter(({ contentType }) => !contentType.startsWith('message/'))
        .map(({ filename, checksum }) => [filename, checksum]);
    assert.deepEqual(files(other), files(one), name);
    done += 1;
  }
  assert.ok(done > 5, `${done} messages`);
});
