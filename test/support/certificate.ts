/** A throw-away certificate for `localhost` and the loopback addresses, made once a process. */
import { createSecureContext, type SecureContext } from 'node:tls';
import { type CertificatePem, makeSelfSigned } from '#runtime/tls/self-signed.ts';

let made: CertificatePem | undefined;

export function testCertificate(): CertificatePem {
  const now = Date.now();
  made ??= makeSelfSigned({
    names: ['localhost', '127.0.0.1', '::1'],
    notBefore: now - 3_600_000,
    notAfter: now + 86_400_000,
  });
  return made;
}

export function testSecureContext(): SecureContext {
  const { certificate, key } = testCertificate();
  return createSecureContext({ cert: certificate, key });
}
