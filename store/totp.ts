/** Time-based one-time passwords: RFC 6238 over HOTP (RFC 4226), as authenticator programs compute them without being told: SHA-1, six digits, 30 seconds. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** RFC 4226 §4, R6: 160 bits are recommended. */
export const TOTP_SECRET_OCTETS = 20;
export const TOTP_DIGITS = 6;
export const TOTP_PERIOD_MS = 30_000;
/** RFC 6238 §5.2: for clocks that go wrong, and codes that are typed while they change. At most one step is recommended for the network alone. */
const WINDOW = 1;

const SHAPE = /^[0-9]{6}$/;

/** RFC 4226 §5.3. */
export function hotp(secret: Uint8Array, counter: number, digits = TOTP_DIGITS): string {
  const moving = Buffer.alloc(8);
  moving.writeBigUInt64BE(BigInt(counter));
  const mac = createHmac('sha1', secret).update(moving).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0x0f;
  const truncated = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(truncated % 10 ** digits).padStart(digits, '0');
}

/** RFC 6238 §4.2: how many periods have passed since 1970. */
export const totpStep = (ms: number): number => Math.floor(ms / TOTP_PERIOD_MS);

/** The six digits, whatever blanks somebody typed between them; `undefined` for what can be no such code. */
export function readTotpCode(text: string): string | undefined {
  const bare = text.replace(/[\s-]/g, '');
  return SHAPE.test(bare) ? bare : undefined;
}

/**
 * The step that a code stands for, among this one and its neighbours; `undefined` for a wrong one. RFC 6238 §5.2: whoever takes it must not take it again, which is for
 * the caller to see to. Compares all of them in constant time.
 * @param code of `readTotpCode`.
 */
export function matchTotp(secret: Uint8Array, code: string, now: number): number | undefined {
  const given = Buffer.from(code);
  let matched: number | undefined;
  for (let step = totpStep(now) - WINDOW; step <= totpStep(now) + WINDOW; step += 1) {
    const right = Buffer.from(hotp(secret, Math.max(step, 0)));
    if (given.length === right.length && timingSafeEqual(given, right)) matched = Math.max(step, 0);
  }
  return matched;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 §6, without padding: as authenticator programs take it. */
export function formatTotpSecret(secret: Uint8Array): string {
  const bits = [...secret].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => BASE32[Number.parseInt(five.padEnd(5, '0'), 2)]).join('');
}

/** @returns `undefined` for what is no secret of ours, in capitals or not, in groups or not. */
export function readTotpSecret(text: string): Uint8Array | undefined {
  const bare = text.replace(/\s/g, '').toUpperCase();
  if (bare.length !== (TOTP_SECRET_OCTETS * 8) / 5 || !/^[A-Z2-7]*$/.test(bare)) return undefined;
  const bits = Array.from(bare, (letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (octet) => Number.parseInt(octet, 2));
}

/**
 * What the QR code says: the key URI that authenticator programs agree on.
 * @param issuer whose code it is, for people who have many: the host's name.
 */
export function totpUri(secret: Uint8Array, issuer: string, address: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(address)}`;
  const query = [
    `secret=${formatTotpSecret(secret)}`,
    `issuer=${encodeURIComponent(issuer)}`,
    'algorithm=SHA1',
    `digits=${TOTP_DIGITS}`,
    `period=${TOTP_PERIOD_MS / 1000}`,
  ];
  return `otpauth://totp/${label}?${query.join('&')}`;
}
