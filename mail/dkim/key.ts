/** Keys: which ones are good for signing, and the record that publishes them (RFC 6376 §3.6.1, RFC 8301 §3.2, RFC 8463 §4). */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { MailError } from '#mail/failure.ts';

export type DkimAlgorithm = 'rsa-sha256' | 'ed25519-sha256';

/** RFC 8301 §3.2: signers use 1024 bits at least and should use 2048; verifiers need not take more than 4096. */
const RSA_BITS = { least: 1024, made: 2048, most: 4096 };

export interface SigningKey {
  readonly algorithm: DkimAlgorithm;
  readonly key: KeyObject;
  /** Of the modulus; 256 for Ed25519. */
  readonly bits: number;
}

/** Reads a private key in PEM: PKCS #8, or PKCS #1 for RSA. @throws MailError `bad-request` for what can't sign, without a word of the key. */
export function readSigningKey(pem: string): SigningKey {
  const key = privateKey(pem);
  if (key.asymmetricKeyType === 'ed25519') return { algorithm: 'ed25519-sha256', key, bits: 256 };
  if (key.asymmetricKeyType !== 'rsa') throw new MailError('bad-request', 'a DKIM key is an RSA or an Ed25519 key');
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < RSA_BITS.least || bits > RSA_BITS.most)
    throw new MailError(
      'bad-request',
      `an RSA key has ${RSA_BITS.least} to ${RSA_BITS.most} bits, this one has ${bits}`,
    );
  return { algorithm: 'rsa-sha256', key, bits };
}

function privateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // What OpenSSL says of it is no help to anybody, and what was given must not be repeated.
    throw new MailError('bad-request', 'this is no private key in PEM without a passphrase');
  }
}

/** A new private key, PKCS #8 in PEM. RSA of 2048 bits takes a tenth of a second, in the thread pool. */
export async function makeKey(algorithm: DkimAlgorithm): Promise<string> {
  const { privateKey: key } = await (algorithm === 'rsa-sha256'
    ? promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS.made })
    : promisify(generateKeyPair)('ed25519'));
  return exportKey(key);
}

/** As the directory keeps them. */
export const exportKey = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }) as string;

/** The host name where the record stands, without a final dot. */
export const keyName = (domain: string, selector: string): string => `${selector}._domainkey.${domain}`;

/** The text of the TXT record. */
export function keyRecord({ algorithm, key }: Pick<SigningKey, 'algorithm' | 'key'>): string {
  const [, type] = /^(\w+)-sha256$/.exec(algorithm) ?? [];
  return `v=DKIM1; k=${type}; p=${publicPart(algorithm, key).toString('base64')}`;
}

/** RFC 6376 §3.6.1: RSA as SubjectPublicKeyInfo, as everybody has it; RFC 8463 §4: Ed25519 as its bare 32 octets. */
function publicPart(algorithm: DkimAlgorithm, key: KeyObject): Buffer {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return algorithm === 'rsa-sha256' ? spki : spki.subarray(-32);
}

/** RFC 6376 §3.2: `name=value` with `;` between; white space around both and within base64 doesn't count. `undefined` when it is no such list. */
export function readTags(text: string): ReadonlyMap<string, string> | undefined {
  const tags = new Map<string, string>();
  for (const part of text.split(';')) {
    if (part.trim() === '') continue;
    const [, name, value] = /^\s*([A-Za-z][A-Za-z0-9_]*)\s*=(.*)$/s.exec(part) ?? [];
    if (name === undefined || value === undefined || tags.has(name)) return undefined;
    tags.set(name, value.trim());
  }
  return tags;
}

/** Does a published record let verifiers check what the key signs? */
export function isRecordOf(text: string, key: Pick<SigningKey, 'algorithm' | 'key'>): boolean {
  const tags = readTags(text);
  const [, type] = /^(\w+)-sha256$/.exec(key.algorithm) ?? [];
  if (tags === undefined || (tags.get('v') ?? 'DKIM1') !== 'DKIM1') return false;
  if ((tags.get('k') ?? 'rsa').toLowerCase() !== type) return false;
  const hashes = tags
    .get('h')
    ?.split(':')
    .map((hash) => hash.trim());
  const services = tags
    .get('s')
    ?.split(':')
    .map((service) => service.trim());
  if (hashes !== undefined && !hashes.includes('sha256')) return false;
  if (services !== undefined && !services.includes('*') && !services.includes('email')) return false;
  return tags.get('p')?.replace(/\s+/g, '') === publicPart(key.algorithm, key.key).toString('base64');
}
