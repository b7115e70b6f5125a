/** PLAIN (RFC 4616): `[authzid] NUL authcid NUL passwd` in one response. */
import type { SaslExchange } from './exchange.ts';
import { decodeResponse, malformed, NOTHING } from './text.ts';

export async function* plain(initial: Uint8Array | undefined): SaslExchange<never> {
  const { authzid, username, password } = parsePlain(initial ?? (yield NOTHING));
  return { kind: 'password', authzid, username, password };
}

export function parsePlain(response: Uint8Array): { authzid: string; username: string; password: string } {
  const fields = decodeResponse(response, true).split('\0');
  const [authzid, username, password] = fields;
  if (fields.length !== 3 || authzid === undefined || !username || !password) {
    throw malformed('PLAIN wants authzid NUL authcid NUL password');
  }
  return { authzid, username, password };
}

export function formatPlain(fields: { authzid: string; username: string; password: string }): Uint8Array {
  return Buffer.from(`${fields.authzid}\0${fields.username}\0${fields.password}`, 'utf8');
}
