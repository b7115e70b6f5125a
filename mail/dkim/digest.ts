/** What a signature needs of a message, read once in chunks: the header as it is, and the hash of the canonical body. */
import { createHash } from 'node:crypto';
import { RelaxedBody } from './canonical.ts';

export interface MessageDigest {
  /** The header section as a binary string, without the empty line. */
  readonly header: string;
  /** SHA-256 of the body, in base64: the tag `bh` (RFC 6376 §3.5). */
  readonly bodyHash: string;
}

const EMPTY_LINE = Buffer.from('\r\n\r\n');

/** The header is held until its empty line comes: whoever pushes has made sure that it ends somewhere. */
export class MessageDigester {
  readonly #hash = createHash('sha256');
  readonly #body = new RelaxedBody((octets) => this.#hash.update(octets));
  #header: Uint8Array[] = [];
  #inBody = false;

  push(chunk: Uint8Array): void {
    if (this.#inBody) this.#body.push(chunk);
    else this.#pushHeader(chunk);
  }

  finish(): MessageDigest {
    this.#body.finish();
    return {
      header: Buffer.concat(this.#header).toString('latin1'),
      bodyHash: this.#hash.digest('base64'),
    };
  }

  #pushHeader(chunk: Uint8Array): void {
    const held = this.#header.length === 0 ? asBuffer(chunk) : Buffer.concat([...this.#header, chunk]);
    const end = held[0] === 0x0d && held[1] === 0x0a ? 0 : after(held.indexOf(EMPTY_LINE));
    if (end === undefined) {
      this.#header = [held];
      return;
    }
    this.#inBody = true;
    this.#header = [held.subarray(0, end)];
    this.#body.push(held.subarray(end + 2));
  }
}

const asBuffer = (octets: Uint8Array): Buffer => Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);

const after = (found: number): number | undefined => (found < 0 ? undefined : found + 2);
