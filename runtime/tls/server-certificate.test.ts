import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Config } from '#config/config.ts';
import { parseConfig } from '#config/parse.ts';
import { testCertificate } from '#test/support/certificate.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { makeSelfSigned } from './self-signed.ts';
import { loadServerCertificate } from './server-certificate.ts';

const YEAR = 365 * 86_400_000;
const NOW = Date.UTC(2030, 0, 1);

function configIn(folder: string, text: string): Config {
  return parseConfig(text, { file: join(folder, 'peerpost.toml'), cores: 1 });
}

test('without a certificate a self-signed one is made once, for hostname and addresses, with a key that only the owner reads', async (t) => {
  const folder = temporaryFolder(t);
  const config = configIn(folder, 'hostname = "mx.test"\n[listeners]\nsmtp = ["127.0.0.5:25", "*:26"]');
  const first = await loadServerCertificate(config, NOW);
  const parsed = new X509Certificate(first.certificate);
  assert.ok(parsed.checkHost('mx.test') && parsed.checkHost('localhost') && parsed.checkIP('127.0.0.5'));
  assert.ok(parsed.validToDate.getTime() >= NOW + 9 * YEAR);
  assert.equal(statSync(join(folder, 'tls', 'self-signed.pem')).mode & 0o777, 0o600);
  assert.deepEqual(await loadServerCertificate(config, NOW + YEAR), first);
});

test('the self-signed certificate is made anew when it runs out or the name changes', async (t) => {
  const folder = temporaryFolder(t);
  const first = await loadServerCertificate(configIn(folder, 'hostname = "a.test"'), NOW);
  const renamed = await loadServerCertificate(configIn(folder, 'hostname = "b.test"'), NOW);
  assert.notEqual(renamed.certificate, first.certificate);
  const later = await loadServerCertificate(configIn(folder, 'hostname = "b.test"'), NOW + 10 * YEAR);
  assert.notEqual(later.certificate, renamed.certificate);
});

test('a self-signed certificate that was damaged on the disk is made anew', async (t) => {
  const folder = temporaryFolder(t);
  const config = configIn(folder, 'hostname = "mx.test"');
  const file = join(folder, 'tls', 'self-signed.pem');
  const first = await loadServerCertificate(config, NOW);
  const whole = readFileSync(file);
  for (const from of [512, whole.length - 100]) {
    const torn = Buffer.from(whole);
    torn.fill(0, from, from + 64);
    writeFileSync(file, torn);
    const made = await loadServerCertificate(config, NOW);
    assert.notEqual(made.certificate, first.certificate);
    assert.deepEqual(await loadServerCertificate(config, NOW), made);
  }
});

test('configured files are read each time, and trouble with them is named', async (t) => {
  const folder = temporaryFolder(t);
  const config = configIn(folder, 'hostname = "a.test"\n[tls]\ncertificate = "c.pem"\nkey = "k.pem"');
  await assert.rejects(loadServerCertificate(config, NOW), /tls\.certificate: cannot read .*c\.pem \(ENOENT\)/);
  const { certificate, key } = testCertificate();
  writeFileSync(join(folder, 'c.pem'), certificate);
  writeFileSync(join(folder, 'k.pem'), key);
  assert.deepEqual(await loadServerCertificate(config, NOW), { certificate, key });
  const other = makeSelfSigned({ names: ['x.test'], notBefore: NOW, notAfter: NOW + YEAR });
  writeFileSync(join(folder, 'k.pem'), other.key);
  await assert.rejects(loadServerCertificate(config, NOW), /tls\.certificate and tls\.key cannot be used/);
});
