/**
 * A self-signed server certificate (RFC 5280), so that a new peer speaks TLS from its first minute. Node makes no certificates, so it is
 * encoded here: ECDSA P-256 with SHA-256, names and addresses as subjectAltName.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP, isIPv6 } from 'node:net';
import { ipv6Groups } from '../address.ts';
import * as der from './der.ts';

export interface CertificatePem {
  /** One or more certificates, the server's first. */
  readonly certificate: string;
  readonly key: string;
}

export interface SelfSignedOptions {
  /** Host names and IP addresses; the first is also the common name. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

const ECDSA_WITH_SHA256 = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));

export function makeSelfSigned(options: SelfSignedOptions): CertificatePem {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // RFC 5280 §4.1.2.2: positive and at most 20 octets.
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const name = distinguishedName(options.names[0] ?? 'localhost');
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.from([2]))), // version 3
    der.integer(serial),
    ECDSA_WITH_SHA256,
    name,
    der.sequence(der.time(options.notBefore), der.time(options.notAfter)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(3, extensions(options.names)),
  );
  const signature = sign('sha256', body, privateKey);
  return {
    certificate: pem('CERTIFICATE', der.sequence(body, ECDSA_WITH_SHA256, der.bitString(signature))),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function distinguishedName(commonName: string): Buffer {
  return der.sequence(
    // RFC 5280 appendix A.1: a common name has at most 64 characters; the whole name stands in subjectAltName.
    der.set(der.sequence(der.objectIdentifier('2.5.4.3'), der.utf8String(commonName.slice(0, 64)))),
  );
}

function extensions(names: readonly string[]): Buffer {
  return der.sequence(
    extension('2.5.29.17', der.sequence(...[...new Set(names)].map(generalName)), false),
    // It signs itself and is its own anchor where someone chooses to trust it.
    extension('2.5.29.19', der.sequence(der.boolean(true)), true),
    // digitalSignature and keyCertSign.
    extension('2.5.29.15', der.bitString(Buffer.from([0x84]), 2), true),
    extension('2.5.29.37', der.sequence(der.objectIdentifier('1.3.6.1.5.5.7.3.1')), false),
  );
}

function extension(identifier: string, value: Uint8Array, critical: boolean): Buffer {
  const parts = [der.objectIdentifier(identifier), der.octetString(value)];
  if (critical) parts.splice(1, 0, der.boolean(true));
  return der.sequence(...parts);
}

/** RFC 5280 §4.2.1.6: dNSName [2], iPAddress [7]. */
function generalName(name: string): Buffer {
  return isIP(name) === 0 ? der.implicit(2, Buffer.from(name, 'latin1')) : der.implicit(7, addressOctets(name));
}

function addressOctets(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  return Buffer.from(ipv6Groups(address).flatMap((group) => [group >> 8, group & 255]));
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
