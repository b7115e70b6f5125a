import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatTotpSecret,
  hotp,
  matchTotp,
  readTotpCode,
  readTotpSecret,
  TOTP_PERIOD_MS,
  TOTP_SECRET_OCTETS,
  totpStep,
  totpUri,
} from './totp.ts';

const SECRET = Buffer.from('12345678901234567890');

test('RFC 4226 appendix D', () => {
  const codes = '755224 287082 359152 969429 338314 254676 287922 162583 399871 520489';
  assert.deepEqual(
    codes.split(' ').map((_, counter) => hotp(SECRET, counter)),
    codes.split(' '),
  );
});

test('RFC 6238 appendix B, SHA-1', () => {
  const codes: readonly [seconds: number, code: string][] = [
    [59, '94287082'],
    [1_111_111_109, '07081804'],
    [1_111_111_111, '14050471'],
    [1_234_567_890, '89005924'],
    [2_000_000_000, '69279037'],
    [20_000_000_000, '65353130'],
  ];
  for (const [seconds, code] of codes) {
    const step = totpStep(seconds * 1000);
    assert.equal(hotp(SECRET, step, 8), code);
    // Six digits are the last six.
    assert.equal(matchTotp(SECRET, code.slice(2), seconds * 1000), step);
  }
});

test('a code counts in its own step and the two beside it, and in no other', () => {
  const now = 1_800_000_015_000;
  const step = totpStep(now);
  for (const drift of [-1, 0, 1]) assert.equal(matchTotp(SECRET, hotp(SECRET, step + drift), now), step + drift);
  for (const drift of [-3, -2, 2, 3]) assert.equal(matchTotp(SECRET, hotp(SECRET, step + drift), now), undefined);
  const late = (step + 2) * TOTP_PERIOD_MS;
  assert.equal(matchTotp(SECRET, hotp(SECRET, step), late - 1), step);
  assert.equal(matchTotp(SECRET, hotp(SECRET, step), late), undefined);
  assert.equal(matchTotp(Buffer.from('12345678901234567891'), hotp(SECRET, step), now), undefined);
  assert.equal(matchTotp(SECRET, '', now), undefined);
  // Right at 1970 there is no step before.
  assert.equal(matchTotp(SECRET, hotp(SECRET, 0), 0), 0);
});

test('codes as people type them', () => {
  assert.equal(readTotpCode(' 123 456\n'), '123456');
  assert.equal(readTotpCode('123-456'), '123456');
  for (const none of ['', '12345', '1234567', '12345a', '١٢٣٤٥٦', '+12345', '1e5'])
    assert.equal(readTotpCode(none), undefined);
});

test('a secret as text is read back', () => {
  const octets = { minLength: TOTP_SECRET_OCTETS, maxLength: TOTP_SECRET_OCTETS };
  fc.assert(
    fc.property(fc.uint8Array(octets), (secret) => {
      const text = formatTotpSecret(secret);
      assert.match(text, /^[A-Z2-7]{32}$/);
      assert.deepEqual(readTotpSecret(text), secret);
      const grouped = (text.match(/.{4}/g) ?? []).join(' ').toLowerCase();
      assert.deepEqual(readTotpSecret(grouped), secret);
    }),
  );
  // RFC 4648 §10
  assert.equal(formatTotpSecret(Buffer.from('foobar')), 'MZXW6YTBOI');
  for (const none of ['', 'MZXW6YTBOI', '1'.repeat(32), `${'A'.repeat(31)}=`, 'A'.repeat(33)]) {
    assert.equal(readTotpSecret(none), undefined, none);
  }
});

test('the link of the QR code', () => {
  const uri = new URL(totpUri(SECRET, 'mail.example.org', 'a&b+c@example.org'));
  assert.equal(uri.protocol, 'otpauth:');
  assert.equal(decodeURIComponent(uri.pathname), '/mail.example.org:a&b+c@example.org');
  assert.deepEqual(Object.fromEntries(uri.searchParams), {
    secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
    issuer: 'mail.example.org',
    algorithm: 'SHA1',
    digits: '6',
    period: '30',
  });
});
