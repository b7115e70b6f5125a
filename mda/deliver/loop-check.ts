/** Has this message been delivered to this address before? (RFC 9228 Delivered-To; RFC 3463 X.4.6) */
import { formatAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { splitFields, unfold } from '#mail/header/fields.ts';

/** Octets of a message in which trace fields are looked for: they stand on top. */
const LOOKED_AT = 65_536;

/** Keeps the beginning of a message while it passes. */
export class DeliveredTo {
  readonly #chunks: Uint8Array[] = [];
  #room = LOOKED_AT;

  write(chunk: Uint8Array): void {
    if (this.#room <= 0) return;
    const kept = chunk.length > this.#room ? chunk.subarray(0, this.#room) : chunk;
    this.#chunks.push(kept);
    this.#room -= kept.length;
  }

  /** @param headerLength octets of the header section, which the indexer found. */
  addresses(headerLength: number): ReadonlySet<string> {
    const start = this.#chunks.length === 1 ? (this.#chunks[0] as Uint8Array) : Buffer.concat(this.#chunks);
    const header = Buffer.from(start.buffer, start.byteOffset, Math.min(headerLength, start.length)).toString('utf8');
    // Most mail has none; then nothing is split.
    if (!/^delivered-to[ \t]*:/im.test(header)) return new Set();
    const fields = splitFields(header).filter((field) => field.name.toLowerCase() === 'delivered-to');
    return new Set(fields.map((field) => fold(unfold(field.value))));
  }
}

/** Our own local parts are compared without case (store/directory.ts). */
const fold = (address: string): string =>
  address
    .replace(/^<(.*)>$/, '$1')
    .normalize('NFC')
    .toLowerCase();

export const hasLoop = (seen: ReadonlySet<string>, address: Address): boolean =>
  seen.size > 0 && seen.has(fold(formatAddress(address)));
