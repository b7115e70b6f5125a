/** Node's own words for a certificate that is not trusted lead people to options of Node. */
const DISTRUST: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** What to do about it, where that is what `error` says. */
export function distrust(error: unknown): string | undefined {
  const { code } = error as { readonly code?: string };
  if (code === undefined || !DISTRUST.has(code)) return undefined;
  return 'its certificate is self-signed or of an unknown authority: trust it by its PEM file (--ca), or take any (--insecure)';
}
