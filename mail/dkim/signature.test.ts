import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type MessageDigest, MessageDigester } from './digest.ts';
import { keyRecord, readSigningKey } from './key.ts';
import { selectSigned } from './selection.ts';
import { type Signer, signatureFields } from './signature.ts';
import { ED25519_KEY, LETTER, RECORDS, RSA_KEY, SIGNED } from './vectors.testkit.ts';
import { verifyAll } from './verify.testkit.ts';

const NOW = 1_528_637_909_000;
const domain = 'football.example.com';
const signers: readonly Signer[] = [
  { domain, selector: 'brisbane', ...readSigningKey(ED25519_KEY) },
  { domain, selector: 'test', ...readSigningKey(RSA_KEY) },
];

function digest(message: string): MessageDigest {
  const digester = new MessageDigester();
  digester.push(Buffer.from(message, 'latin1'));
  return digester.finish();
}
const sign = async (message: string, by = signers): Promise<string> =>
  (await signatureFields(digest(message), by, NOW)) + message;

test('the tests’ own verifier passes RFC 8463 §A.3, and not what was changed', () => {
  assert.deepEqual(verifyAll(SIGNED, RECORDS), ['pass', 'pass']);
  assert.deepEqual(verifyAll(SIGNED.replace('hungry', 'angry'), RECORDS), ['body hash differs', 'body hash differs']);
  assert.deepEqual(verifyAll(SIGNED.replace('dinner', 'supper'), RECORDS), ['signature differs', 'signature differs']);
});

test('RFC 6376 §A.2, RFC 8463 §A.3: the body hash', () => {
  assert.equal(digest(LETTER).bodyHash, '2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=');
});

test('the letter of the RFCs, signed with both keys', async () => {
  const signed = await sign(LETTER);
  assert.deepEqual(verifyAll(signed, RECORDS), ['pass', 'pass']);
  assert.match(signed, /^DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed\/relaxed;\r\n\td=football\.example\.com; s=/);
  assert.ok(signed.endsWith(LETTER));
  const longest = Math.max(...signed.split('\r\n').map((line) => line.length));
  assert.ok(longest <= 78, `${longest}`);
  // RFC 8032 §5.1.6: Ed25519 is deterministic, and so is PKCS #1 1.5.
  assert.equal(await sign(LETTER), signed);
});

test('RFC 6376 §3.4.2: what hosts do to white space breaks nothing', async () => {
  const signed = await sign(LETTER);
  const [fields = '', letter = ''] = signed.split(/(?=From: )/);
  const refolded = fields.replace(/\r\n\t/g, '\r\n        ').replace(/; /g, ';\r\n ');
  const respaced = letter
    .replace('Subject: Is dinner', 'SUBJECT :\tIs\r\n  dinner')
    .replace('game.  Are', 'game. \t Are')
    .replace('Joe.\r\n', 'Joe. \r\n\r\n\r\n');
  assert.deepEqual(verifyAll(refolded + respaced, RECORDS), ['pass', 'pass']);
});

test('RFC 6376 §8.15: what is guarded can be neither changed, nor taken away, nor added', async () => {
  const signed = await sign(LETTER);
  const broken = ['signature differs', 'signature differs'];
  for (const name of ['From', 'To', 'Cc', 'Subject', 'Date', 'Message-ID', 'Reply-To', 'In-Reply-To', 'References']) {
    assert.deepEqual(verifyAll(`${name}: x@evil.test\r\n${signed}`, RECORDS), broken, name);
  }
  for (const name of ['MIME-Version', 'Content-Type', 'Content-Transfer-Encoding']) {
    assert.deepEqual(verifyAll(`${name}: x\r\n${signed}`, RECORDS), broken, name);
  }
  assert.deepEqual(verifyAll(signed.replace(/^To: .*\r\n/m, ''), RECORDS), broken);
  const marked = `Received: from x\r\nReturn-Path: <>\r\nAuthentication-Results: x; none\r\nX-Spam: no\r\n${signed}`;
  assert.deepEqual(verifyAll(marked, RECORDS), ['pass', 'pass']);
});

test('fields of one name are signed from the bottom up', () => {
  const { names, text } = selectSigned('To: a\r\nFrom: f\r\nTo: b\r\nList-Unsubscribe-Post: c\r\nX: d\r\n');
  assert.ok(text.startsWith('from:f\r\nto:b\r\nto:a\r\n'));
  assert.deepEqual(names.slice(0, 5), ['from', 'from', 'to', 'to', 'to']);
  assert.equal(names.at(-1), 'list-unsubscribe-post');
  assert.ok(!names.includes('x'));
  assert.equal(selectSigned('To: a\r\n'.repeat(10_000)).names.filter((name) => name === 'to').length, 51);
});

test('whatever is signed passes: odd fields, bodies, octets', async () => {
  const part = fc.constantFrom(' ', '\t', '\r\n', '\r\n ', ':', ';', 'b=', 'a', '\xe9', 'From: x\r\n', 'To : y\r\n');
  const text = fc.array(part, { maxLength: 30 }).map((parts) => parts.join(''));
  const header = text.map((odd) => `From: a@football.example.com\r\n${odd}`.replace(/(\r\n[ \t]*)+(?=\r\n)/g, ''));
  const message = fc.tuple(header, text).map(([head, body]) => `${head.replace(/(\r\n)?$/, '\r\n')}\r\n${body}`);
  await fc.assert(
    fc.asyncProperty(message, async (letter) => {
      assert.deepEqual(verifyAll(await sign(letter), RECORDS), ['pass', 'pass']);
    }),
    { numRuns: 300 },
  );
});

test('a long domain and selector are folded, each on a line of its own', async () => {
  const long = { domain: `${'d'.repeat(60)}.${'e'.repeat(60)}.test`, selector: 's'.repeat(63) };
  const [ed] = signers as [Signer, Signer];
  const signed = await sign(LETTER, [{ ...ed, ...long }]);
  const records = { [`${long.selector}._domainkey.${long.domain}`]: keyRecord(ed) };
  assert.deepEqual(verifyAll(signed, records), ['pass']);
});
