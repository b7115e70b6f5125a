/**
 * Signs a profile as Apple's devices want it: CMS SignedData (RFC 5652) with the content inside, by the host's key and with its whole chain, so that the
 * device can show who made it.
 */
import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto';
import * as der from '#runtime/tls/der.ts';
import type { CertificatePem } from '#runtime/tls/self-signed.ts';

const DATA = der.objectIdentifier('1.2.840.113549.1.7.1');
const SIGNED_DATA = der.objectIdentifier('1.2.840.113549.1.7.2');
const CONTENT_TYPE = der.objectIdentifier('1.2.840.113549.1.9.3');
const MESSAGE_DIGEST = der.objectIdentifier('1.2.840.113549.1.9.4');
const SIGNING_TIME = der.objectIdentifier('1.2.840.113549.1.9.5');
const NULL = der.tagged(0x05);
const SHA256 = der.sequence(der.objectIdentifier('2.16.840.1.101.3.4.2.1'), NULL);
const VERSION_1 = der.integer(Buffer.from([1]));

/** RFC 3370 §3.2 and RFC 5758 §3.2: how each kind of key signs with SHA-256. */
const ALGORITHMS: { readonly [type: string]: Buffer } = {
  rsa: der.sequence(der.objectIdentifier('1.2.840.113549.1.1.1'), NULL),
  ec: der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2')),
};

/** @param now milliseconds since 1970. Answers undefined where the key is of a kind that devices don't know, such as Ed25519. */
export function signProfile(
  profile: string,
  { certificate, key }: CertificatePem,
  now: number,
): Uint8Array | undefined {
  const privateKey = createPrivateKey(key);
  const algorithm = ALGORITHMS[privateKey.asymmetricKeyType ?? ''];
  const chain = (certificate.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem).raw,
  );
  const [own] = chain;
  if (algorithm === undefined || own === undefined) return undefined;
  const content = Buffer.from(profile, 'utf8');
  const attributes = signedAttributes(createHash('sha256').update(content).digest(), now);
  const signer = der.sequence(
    VERSION_1,
    issuerAndSerial(own),
    SHA256,
    // RFC 5652 §5.4: signed as the SET that it is, sent with the tag of its place.
    der.explicit(0, attributes),
    algorithm,
    der.octetString(sign('sha256', der.set(attributes), privateKey)),
  );
  const signed = der.sequence(
    VERSION_1,
    der.set(SHA256),
    der.sequence(DATA, der.explicit(0, der.octetString(content))),
    der.explicit(0, Buffer.concat(chain)),
    der.set(signer),
  );
  return der.sequence(SIGNED_DATA, der.explicit(0, signed));
}

/** The contents of the SET, in the order of their octets (X.690 §11.6). */
function signedAttributes(digest: Uint8Array, now: number): Buffer {
  const attribute = (type: Uint8Array, value: Uint8Array) => der.sequence(type, der.set(value));
  const attributes = [
    attribute(CONTENT_TYPE, DATA),
    attribute(SIGNING_TIME, der.time(now)),
    attribute(MESSAGE_DIGEST, der.octetString(digest)),
  ];
  return Buffer.concat(attributes.sort((a, b) => a.compare(b)));
}

/** RFC 5280 §4.1: the body of a certificate begins with its version [0], serial number, algorithm and issuer. */
function issuerAndSerial(certificate: Buffer): Buffer {
  const fields = elements(contentOf(elements(contentOf(certificate))[0] ?? Buffer.alloc(0)));
  const [serial, , issuer] = fields[0]?.[0] === 0xa0 ? fields.slice(1) : fields;
  if (serial === undefined || issuer === undefined) throw new Error('not a certificate');
  return der.sequence(issuer, serial);
}

/** Where the contents of a whole element begin and how long they are; the certificate was parsed before, so its lengths are right. */
function extent(element: Buffer): { start: number; length: number } {
  const first = element[1] ?? 0;
  if (first < 128) return { start: 2, length: first };
  const count = first & 127;
  return { start: 2 + count, length: element.readUIntBE(2, count) };
}

function contentOf(element: Buffer): Buffer {
  const { start, length } = extent(element);
  return element.subarray(start, start + length);
}

function elements(contents: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let rest = contents; rest.length > 0; ) {
    const { start, length } = extent(rest);
    found.push(rest.subarray(0, start + length));
    rest = rest.subarray(start + length);
  }
  return found;
}
