import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { makeSelfSigned } from './self-signed.ts';

const DAY = 86_400_000;

test('makeSelfSigned() makes a certificate that OpenSSL reads, verifies and matches with its key', () => {
  const from = Date.UTC(2030, 0, 2, 3, 4, 5);
  const { certificate, key } = makeSelfSigned({
    names: ['mx.example', 'localhost', '192.0.2.1', '2001:db8::1'],
    notBefore: from,
    notAfter: from + 3650 * DAY,
  });
  const parsed = new X509Certificate(certificate);
  assert.equal(parsed.subject, 'CN=mx.example');
  assert.equal(parsed.validFromDate.getTime(), from);
  assert.equal(parsed.validToDate.getTime(), from + 3650 * DAY);
  assert.ok(parsed.verify(parsed.publicKey));
  assert.ok(parsed.checkPrivateKey(createPrivateKey(key)));
  assert.equal(parsed.checkHost('mx.example'), 'mx.example');
  assert.equal(parsed.checkHost('localhost'), 'localhost');
  assert.equal(parsed.checkHost('other.example'), undefined);
  assert.equal(parsed.checkIP('192.0.2.1'), '192.0.2.1');
  assert.equal(parsed.checkIP('2001:db8::1'), '2001:db8::1');
});

test('makeSelfSigned() writes years from 2050 on as GeneralizedTime (RFC 5280 §4.1.2.5)', () => {
  const notAfter = Date.UTC(2061, 5, 1);
  const { certificate } = makeSelfSigned({ names: ['a.test'], notBefore: Date.UTC(2020, 0, 1), notAfter });
  assert.equal(new X509Certificate(certificate).validToDate.getTime(), notAfter);
});

test('makeSelfSigned() serves TLS to a client that trusts it', async (t) => {
  const now = Date.now();
  const { certificate, key } = makeSelfSigned({ names: ['localhost'], notBefore: now - DAY, notAfter: now + DAY });
  const server = createServer({ cert: certificate, key }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: [certificate] });
  await once(client, 'secureConnect');
  assert.equal(client.authorized, true);
  client.destroy();
});
