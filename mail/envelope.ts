/** The envelope of RFC 5321 §2.3.1 with the DSN parameters of RFC 3461. Plain data: it crosses threads and sockets. */

/**
 * RFC 5321 §2.3.11. `localPart` is unquoted and keeps its case (NFC when it has non-ASCII characters); `domain` is a
 * lower-case DNS name in A-labels, or an address literal in brackets as written (`[192.0.2.1]`, `[IPv6:2001:db8::1]`).
 * The domain is empty only for the bare `postmaster` of RFC 5321 §4.5.1.
 */
export interface Address {
  readonly localPart: string;
  readonly domain: string;
}

/** RFC 5321 §4.1.1.2: where failures are reported to; `null` is the null reverse-path `<>` (§4.5.5). */
export type ReversePath = Address | null;

/** RFC 3461 §4.1. NEVER is the empty set with `never` true. */
export type Notify = 'never' | { readonly success: boolean; readonly failure: boolean; readonly delay: boolean };

/** RFC 3461 §4.2: ORCPT as decoded from xtext, e.g. `{ type: 'rfc822', address: 'Bob@beta.test' }`. */
export interface OriginalRecipient {
  readonly type: string;
  readonly address: string;
}

/** One RCPT argument with its DSN parameters. */
export interface ForwardPath {
  readonly address: Address;
  readonly notify?: Notify;
  readonly originalRecipient?: OriginalRecipient;
}

/** The body type that the sender declared: RFC 6152 (8BITMIME), RFC 3030 (BINARYMIME: any octets, sent by BDAT only). */
export type BodyType = '7bit' | '8bitmime' | 'binarymime';

export interface Envelope {
  readonly reversePath: ReversePath;
  readonly forwardPaths: readonly ForwardPath[];
  readonly bodyType: BodyType;
  /** RFC 6531 §3.4: the SMTPUTF8 parameter was given. */
  readonly smtputf8: boolean;
  /** RFC 3461 §4.4, decoded from xtext. */
  readonly envelopeId?: string;
  /** RFC 3461 §4.3. */
  readonly ret?: 'full' | 'hdrs';
}
