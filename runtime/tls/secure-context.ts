/** Our terms for TLS as a server: 1.2 or newer, forward secrecy only (RFC 8996, RFC 9325). */
import { createSecureContext, type SecureContext } from 'node:tls';
import type { CertificatePem } from './self-signed.ts';

/** Throws when the key does not belong to the certificate or either is no PEM. */
export function makeSecureContext({ certificate, key }: CertificatePem): SecureContext {
  return createSecureContext({
    cert: certificate,
    key,
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
    // The TLS 1.2 part; those of 1.3 are fixed. CBC suites with SHA-256 stay out, old mail servers know GCM too.
    ciphers:
      'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM',
    dhparam: 'auto',
  });
}
