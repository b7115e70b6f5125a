/** What both ends of SCRAM-SHA-256 share (RFC 5802 §3, RFC 7677): keys, proofs, and the attribute syntax. */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { saslprep } from './saslprep.ts';
import { malformed } from './text.ts';

export interface ScramKeys {
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

const derive = promisify(pbkdf2);

const hash = (data: Uint8Array): Buffer => createHash('sha256').update(data).digest();
export const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** RFC 5802 §3: SaltedPassword. A password that SASLprep refuses is taken as it is, so that it works at least with itself. */
export async function saltPassword(password: string, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
  return await derive(saslprep(password) ?? password, salt, iterations, 32, 'sha256');
}

/** What a server keeps of a password; `store/secret.ts` calls it when a password is set. RFC 7677 §4: at least 4096 iterations. */
export async function deriveScramKeys(password: string, salt: Uint8Array, iterations: number): Promise<ScramKeys> {
  return keysOf(await saltPassword(password, salt, iterations));
}

function keysOf(salted: Uint8Array): ScramKeys {
  return { storedKey: hash(hmac(salted, 'Client Key')), serverKey: hmac(salted, 'Server Key') };
}

/** The client's proof and the signature that it must get back. */
export function makeProof(salted: Uint8Array, authMessage: string): { proof: Uint8Array; signature: Uint8Array } {
  const clientKey = hmac(salted, 'Client Key');
  const { storedKey, serverKey } = keysOf(salted);
  return { proof: xor(clientKey, hmac(storedKey, authMessage)), signature: hmac(serverKey, authMessage) };
}

/** Constant time in the proof's value. */
export function checkProof(storedKey: Uint8Array, authMessage: string, proof: Uint8Array): boolean {
  const expected = hmac(storedKey, authMessage);
  if (proof.length !== expected.length || storedKey.length !== 32) return false;
  return timingSafeEqual(hash(xor(proof, expected)), storedKey);
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((octet, i) => octet ^ b[i]!);
}

/** RFC 5802 §5.1: `a=value,b=value` in order; an attribute is one letter. */
export function parseAttributes(text: string): [name: string, value: string][] {
  return text.split(',').map((attribute) => {
    if (!/^[A-Za-z]=/.test(attribute)) throw malformed('SCRAM attribute expected');
    return [attribute[0]!, attribute.slice(2)];
  });
}

/** RFC 5802 §7: saslname, where `,` and `=` are written `=2C` and `=3D`. */
export function decodeName(text: string): string {
  if (/=(?!2C|3D)/.test(text) || text === '') throw malformed('bad SCRAM name');
  return text.replace(/=(2C|3D)/g, (_, code: string) => (code === '2C' ? ',' : '='));
}

export function encodeName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C');
}

/** Strict base64: `Buffer.from` would pass over anything. */
export function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (text === '' || bytes.toString('base64') !== text) throw malformed('bad base64');
  return bytes;
}
