import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { exportKey, isRecordOf, keyName, keyRecord, makeKey, readSigningKey, readTags } from './key.ts';
import { ED25519_KEY, ED25519_RECORD, RSA_KEY, RSA_RECORD } from './vectors.testkit.ts';

test('RFC 8463 §A.2: the records of the keys', () => {
  assert.equal(keyRecord(readSigningKey(RSA_KEY)), RSA_RECORD);
  assert.equal(keyRecord(readSigningKey(ED25519_KEY)), ED25519_RECORD);
  assert.equal(keyName('football.example.com', 'test'), 'test._domainkey.football.example.com');
});

test('keys that are made can be read, and are what was asked for', async () => {
  for (const [algorithm, bits] of [
    ['rsa-sha256', 2048],
    ['ed25519-sha256', 256],
  ] as const) {
    const pem = await makeKey(algorithm);
    const read = readSigningKey(pem);
    assert.deepEqual([read.algorithm, read.bits], [algorithm, bits]);
    assert.equal(exportKey(read.key), pem);
  }
});

test('what can’t sign is refused, without a word of it', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 768 }).privateKey;
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const locked = generateKeyPairSync('ed25519').privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'secret',
  });
  for (const pem of [exportKey(small), exportKey(curve), String(locked), 'c2VjcmV0', '', RSA_KEY.slice(0, 300)]) {
    assert.throws(
      () => readSigningKey(pem),
      (error: Error & { failure?: string }) => {
        assert.equal(error.failure, 'bad-request');
        assert.doesNotMatch(error.message, /MII|secret|c2Vj/);
        assert.equal(error.cause, undefined);
        return true;
      },
    );
  }
});

test('RFC 6376 §3.6.1: which records are a key’s', () => {
  const rsa = readSigningKey(RSA_KEY);
  const p = RSA_RECORD.replace(/.*p=/, '');
  for (const record of [
    RSA_RECORD,
    `p=${p}`,
    `v=DKIM1;p=${p.slice(0, 40)} ${p.slice(40)} ;`,
    `k=rsa; h=sha1:sha256; s=email; p=${p}; t=y`,
  ])
    assert.ok(isRecordOf(record, rsa), record);
  for (const record of [
    '',
    'p=',
    ED25519_RECORD,
    `v=DKIM2; p=${p}`,
    `h=sha1; p=${p}`,
    `s=tel; p=${p}`,
    `p=${p}; p=${p}`,
    `k=ed25519; p=${p}`,
  ])
    assert.ok(!isRecordOf(record, rsa), record);
  assert.ok(isRecordOf(ED25519_RECORD, readSigningKey(ED25519_KEY)));
});

test('tag lists', () => {
  assert.deepEqual(
    [...(readTags(' a = b ;\r\n c=d=e;') ?? [])],
    [
      ['a', 'b'],
      ['c', 'd=e'],
    ],
  );
  for (const bad of ['a', '=b', 'a=1;a=2', '1=2']) assert.equal(readTags(bad), undefined);
});
