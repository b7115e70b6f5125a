/** An authenticator program, as it stands in the pocket of whoever a test is about. */
import { hotp, readTotpSecret, totpStep } from '#store/totp.ts';

/** The code that it shows. @param secret in base32. @param drift in steps of 30 seconds. */
export function authenticatorCode(secret: string, now: number, drift = 0): string {
  const octets = readTotpSecret(secret);
  if (octets === undefined) throw new Error('no secret');
  return hotp(octets, totpStep(now) + drift);
}
