/** Has this message been delivered to this address before? (RFC 9228 Delivered-To; RFC 3463 X.4.6) */
import { formatAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { splitFields, unfold } from '#mail/header/fields.ts';

/** Octets of a message in which trace fields are looked for: they stand on top. */
export const TRACE_OCTETS = 65_536;

/** The part of the header in which trace fields are. @param headerLength octets of the header section, which the indexer found. */
export function traceText(beginning: Uint8Array, headerLength: number): string {
  const end = Math.min(headerLength, TRACE_OCTETS, beginning.length);
  return Buffer.from(beginning.buffer, beginning.byteOffset, end).toString('utf8');
}

/** @param trace of `traceText`. */
export function deliveredTo(trace: string): ReadonlySet<string> {
  // Most mail has none; then nothing is split.
  if (!/^delivered-to[ \t]*:/im.test(trace)) return new Set();
  const fields = splitFields(trace).filter((field) => field.name.toLowerCase() === 'delivered-to');
  return new Set(fields.map((field) => fold(unfold(field.value))));
}

/** Our own local parts are compared without case (store/directory.ts). */
const fold = (address: string): string =>
  address
    .replace(/^<(.*)>$/, '$1')
    .normalize('NFC')
    .toLowerCase();

export const hasLoop = (seen: ReadonlySet<string>, address: Address): boolean =>
  seen.size > 0 && seen.has(fold(formatAddress(address)));
