import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, verify, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import * as der from '#runtime/tls/der.ts';
import { makeSelfSigned } from '#runtime/tls/self-signed.ts';
import { signProfile } from './signature.ts';

const NOW = Date.UTC(2026, 10, 23, 12);

test('a signed profile holds the profile, the certificate, and a signature over the digest', () => {
  const pair = makeSelfSigned({ names: ['mail.example.org'], notBefore: NOW - 1000, notAfter: NOW + 86_400_000 });
  const profile = '<plist>grüße</plist>';
  const signed = Buffer.from(signProfile(profile, pair, NOW) ?? []);
  const { raw, publicKey } = new X509Certificate(pair.certificate);
  assert.ok(signed.includes(Buffer.from(profile)));
  assert.ok(signed.includes(raw));
  const attributes = Buffer.concat([
    der.sequence(der.objectIdentifier('1.2.840.113549.1.9.3'), der.set(der.objectIdentifier('1.2.840.113549.1.7.1'))),
    der.sequence(der.objectIdentifier('1.2.840.113549.1.9.5'), der.set(der.time(NOW))),
    der.sequence(
      der.objectIdentifier('1.2.840.113549.1.9.4'),
      der.set(der.octetString(createHash('sha256').update(profile).digest())),
    ),
  ]);
  const at = signed.indexOf(der.explicit(0, attributes));
  assert.ok(at > 0);
  // Behind the attributes: the algorithm, 12 octets, and the signature in an OCTET STRING shorter than 128.
  const signature = signed.subarray(at + der.explicit(0, attributes).length + 12);
  assert.equal(signature[0], 0x04);
  assert.ok(verify('sha256', der.set(attributes), publicKey, signature.subarray(2)));
  assert.ok(!verify('sha256', der.set(attributes, Buffer.from([0])), publicKey, signature.subarray(2)));
});

test('a key that devices don’t know leaves it unsigned', () => {
  const { certificate } = makeSelfSigned({ names: ['a.test'], notBefore: NOW, notAfter: NOW + 1000 });
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  assert.equal(signProfile('', { certificate, key }, NOW), undefined);
});
