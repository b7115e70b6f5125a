/** Who signs what leaves, and that what is signed is what the host gets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyRecord, makeKey, readSigningKey } from '#mail/dkim/key.ts';
import { verifyAll } from '#mail/dkim/verify.testkit.ts';
import type { BodyType } from '#mail/envelope.ts';
import { Extensions } from '#runtime/smtp/extensions.ts';
import type { DkimKey } from '#store/account-rules.ts';
import { MessageContent } from './message-content.ts';
import { Sendables } from './sendable.ts';
import { Signing } from './signing.ts';

const [rsa, ed] = [await makeKey('rsa-sha256'), await makeKey('ed25519-sha256')];
const now = 1_900_000_000_000;

function key(domain: string, selector: string, pem: string, state: DkimKey['state'] = 'signing'): DkimKey {
  const { algorithm } = readSigningKey(pem);
  return { domain, selector, algorithm, key: pem, state, createdAt: now, since: now };
}

const KEYS = [
  key('us.test', 'r', rsa),
  key('us.test', 'e', ed),
  key('us.test', 'old', ed, 'retired'),
  key('us.test', 'new', ed, 'published-only'),
  key('other.test', 'o', ed),
  key('broken.test', 'b', ed),
];
const RECORDS = Object.fromEntries(
  KEYS.map((one) => [`${one.selector}._domainkey.${one.domain}`, keyRecord(readSigningKey(one.key))]),
);

function signing(hostname = 'mx.us.test', keys: readonly DkimKey[] = KEYS): { signing: Signing; asked: string[] } {
  const asked: string[] = [];
  const directory = {
    async dkimKeys(domain: string) {
      asked.push(domain);
      if (domain === 'down.test') throw new Error('no directory');
      return keys.filter((one) => one.domain === domain);
    },
  };
  return { signing: new Signing({ directory, clock: { now: () => now }, hostname: () => hostname }), asked };
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, 'latin1');
}

const domainsIn = (fields: string): string[] =>
  Array.from(fields.matchAll(/\bd=([^;]*); s=([^;]*);/g), ([, d, s]) => `${d} ${s}`);

test('the domain’s keys that sign, each one signature; nobody else’s', async () => {
  const { signing: of, asked } = signing();
  const letter = 'From: a@us.test\r\n\r\nx\r\n';
  const sign = await of.signFor({ id: 'q', signAs: 'us.test' });
  const fields = (await sign?.('as it is', once(letter))) ?? '';
  assert.deepEqual(domainsIn(fields), ['us.test r', 'us.test e']);
  assert.deepEqual(verifyAll(fields + letter, RECORDS), ['pass', 'pass']);
  for (const signAs of ['sub.us.test', 'nobody.test']) assert.equal(await of.signFor({ id: 'q', signAs }), undefined);
  asked.length = 0;
  // What others wrote costs not even a question.
  assert.equal(await of.signFor({ id: 'q' }), undefined);
  assert.deepEqual(asked, []);
});

test('our host’s own reports are signed by the nearest domain above it with keys', async () => {
  for (const [hostname, expected] of [
    ['mx.us.test', 'us.test r'],
    ['a.mx.us.test', 'us.test r'],
    ['us.test', 'us.test r'],
    ['mx.nobody.test', undefined],
  ] as const) {
    const sign = await signing(hostname).signing.signFor({ id: 'q', signAs: hostname });
    assert.equal(domainsIn((await sign?.('as it is', once('From: x\r\n\r\n'))) ?? '')[0], expected);
  }
});

test('a message that goes to many is signed once; each conversion and each new key anew', async () => {
  const { signing: of } = signing();
  let reads = 0;
  const make = async (form: string): Promise<string> => {
    async function* content(): AsyncGenerator<Uint8Array> {
      reads += 1;
      yield* once('From: a@us.test\r\n\r\nx\r\n');
    }
    return (await (await of.signFor({ id: 'q', signAs: 'us.test' }))?.(form, content())) ?? '';
  };
  assert.equal(await make('as it is'), await make('as it is'));
  assert.equal(reads, 1);
  await make('7bit');
  assert.equal(reads, 2);
});

test('no directory, or a key that can’t be read: it is said, and nothing goes unsigned', async () => {
  await assert.rejects(signing().signing.signFor({ id: 'q', signAs: 'down.test' }));
  const damaged = [{ ...key('us.test', 'r', rsa), key: rsa.slice(0, 200) }, key('us.test', 'e', ed)];
  await assert.rejects(signing('mx.test', damaged).signing.signFor({ id: 'q', signAs: 'us.test' }), {
    failure: 'bad-request',
  });
});

const EIGHT =
  'From: a@us.test\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=latin1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n';
const peer = (...keywords: string[]): Extensions => new Extensions({ code: 250, lines: ['peer.test', ...keywords] });

async function sent(text: string, bodyType: BodyType, extensions: Extensions): Promise<string> {
  const bytes = Buffer.from(text, 'latin1');
  const source = {
    async *content(_: string, start = 0, end = bytes.length): AsyncIterable<Uint8Array> {
      for (let at = start; at < end; at += 1000) yield bytes.subarray(at, Math.min(end, at + 1000));
    },
  };
  const sign = await signing().signing.signFor({ id: 'q', signAs: 'us.test' });
  const sendable = await new Sendables(new MessageContent(source, 'q', bytes.length), bodyType, sign).for(extensions);
  assert.ok(!('code' in sendable));
  const { content } = sendable;
  const pieces: Uint8Array[] = [];
  if (typeof content === 'function') for await (const piece of content()) pieces.push(piece);
  else pieces.push(content);
  const all = Buffer.concat(pieces);
  assert.equal(all.length, sendable.size);
  return all.toString('latin1');
}

for (const [size, lines] of [
  ['small', 1],
  ['large', 9000],
] as const) {
  test(`what is signed is what is sent: ${size}, as it is and converted`, async () => {
    const letter = `${EIGHT}${'h\xe9llo  w\xf6rld \r\n'.repeat(lines)}`;
    const asItIs = await sent(letter, '8bitmime', peer('8BITMIME'));
    assert.ok(asItIs.endsWith(letter));
    const converted = await sent(letter, '8bitmime', peer());
    assert.match(converted, /h=E9llo/);
    const binary = await sent(`${letter}\0 \n\r.`, 'binarymime', peer('8BITMIME', 'CHUNKING', 'BINARYMIME'));
    const decoded = await sent(`${letter}\0 \n\r.`, 'binarymime', peer());
    assert.doesNotMatch(decoded, /\0/);
    for (const message of [asItIs, converted, binary, decoded]) {
      assert.match(message, /^DKIM-Signature: /);
      assert.deepEqual(verifyAll(message, RECORDS), ['pass', 'pass']);
    }
  });
}
