/** What all mechanisms share: strict UTF-8, and how much of it they take. */
import { MailError } from '#mail/failure.ts';

/** Octets of one response. RFC 4954 §4 lets an AUTH line have 12,288 octets of base64; no name or password of ours comes near. */
export const RESPONSE_LIMIT = 4096;

export const NOTHING: Uint8Array = new Uint8Array(0);

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws `bad-request` on too much, on what is not UTF-8, and (unless `allowNul`) on NUL. */
export function decodeResponse(bytes: Uint8Array, allowNul = false): string {
  if (bytes.length > RESPONSE_LIMIT) throw malformed('response is too long');
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (cause) {
    throw malformed('response is not UTF-8', cause);
  }
  if (!allowNul && text.includes('\0')) throw malformed('response has a NUL');
  return text;
}

export function malformed(what: string, cause?: unknown): MailError {
  return new MailError('bad-request', `Cannot authenticate: ${what}`, cause === undefined ? {} : { cause });
}
