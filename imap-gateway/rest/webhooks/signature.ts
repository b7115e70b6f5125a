/** Standard Webhooks (standardwebhooks.com): who receives can tell that it was us, when, and that nobody changed it. Pure. */
import { createHmac } from 'node:crypto';
import { MailError } from '#mail/failure.ts';
import type { Random } from '#runtime/ambient.ts';

const PREFIX = 'whsec_';

/** 32 random octets, as receivers' libraries take them. */
export const newSecret = (random: Random): string => PREFIX + Buffer.from(random.bytes(32)).toString('base64');

/** 24 to 64 octets in base64 behind `whsec_`. @throws MailError `bad-request`. */
export function keyOf(secret: string): Buffer {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  const key = Buffer.from(encoded, 'base64');
  if (key.length < 24 || key.length > 64 || key.toString('base64') !== encoded) {
    throw new MailError('bad-request', 'A secret is whsec_ and 24 to 64 octets in base64');
  }
  return key;
}

/** @param at milliseconds. */
export function signedHeaders(secret: string, id: string, at: number, body: string): Record<string, string> {
  const timestamp = String(Math.floor(at / 1_000));
  const signature = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
