/** Reverse-path and forward-path (RFC 5321 §4.1.2): `<local@domain>`, `<>`, `<postmaster>`, and source routes, which are read and ignored (Appendix C). */
import { AddressSyntaxError, formatAddress, scanAddress, scanDomain } from '../address.ts';
import type { Address, ReversePath } from '../envelope.ts';

export interface PathOptions {
  /** SMTPUTF8 was given (RFC 6531 §3.4). */
  readonly utf8: boolean;
}

/** RFC 5321 §4.5.3.1.3: with its angle brackets. */
export const PATH_LIMIT = 256;

/** Reads a reverse-path at `start`. Throws `AddressSyntaxError`. */
export function scanReversePath(text: string, start: number, options: PathOptions): { path: ReversePath; end: number } {
  if (text.startsWith('<>', start)) return { path: null, end: start + 2 };
  return scanPath(text, start, options);
}

/** Reads a forward-path at `start`; `<postmaster>` without a domain has the domain `''` (RFC 5321 §4.5.1, in any case). */
export function scanForwardPath(text: string, start: number, options: PathOptions): { path: Address; end: number } {
  const bare = /<(postmaster)>/iy;
  bare.lastIndex = start;
  const match = bare.exec(text);
  if (match !== null) return { path: { localPart: match[1] ?? '', domain: '' }, end: start + match[0].length };
  return scanPath(text, start, options);
}

/** `<>` for the null reverse-path. */
export function formatPath(path: ReversePath): string {
  return path === null ? '<>' : `<${formatAddress(path)}>`;
}

function scanPath(text: string, start: number, options: PathOptions): { path: Address; end: number } {
  if (text[start] !== '<') throw new AddressSyntaxError('< expected', start);
  const { address, end } = scanAddress(text, skipSourceRoute(text, start + 1, options), {
    utf8: options.utf8,
    localPartLimit: PATH_LIMIT,
  });
  if (text[end] !== '>') throw new AddressSyntaxError('> expected', end);
  // RFC 5321 §4.5.3.1.3: a path has at most 256 octets; counted as we would write it, for a source route is not ours to keep.
  if (Buffer.byteLength(formatPath(address)) > PATH_LIMIT) throw new AddressSyntaxError('path too long', start);
  return { path: address, end: end + 1 };
}

/** RFC 5321 §4.1.2, A-d-l: `@one,@two:` MUST BE accepted and SHOULD be ignored. */
function skipSourceRoute(text: string, start: number, options: PathOptions): number {
  let at = start;
  while (text[at] === '@') {
    at = scanDomain(text, at + 1, options).end;
    const separator = text[at];
    if (separator === ':') return at + 1;
    if (separator !== ',') throw new AddressSyntaxError('malformed source route', at);
    at += 1;
    if (text[at] !== '@') throw new AddressSyntaxError('malformed source route', at);
  }
  return at;
}
