/**
 * Collects a response from pieces and hands them out: text is joined as a JavaScript string (an engine's rope, far cheaper
 * than many small writes into a buffer) and encoded once; octet strings are passed on without a copy.
 */
export interface Mark {
  readonly chunks: number;
  readonly chunkOctets: number;
  readonly text: string;
}

export class ResponseBuffer {
  #chunks: Uint8Array[] = [];
  #text = '';
  #chunkOctets = 0;

  /** Octets collected and not taken. */
  get length(): number {
    return this.#chunkOctets + this.#text.length;
  }

  /** US-ASCII only. */
  ascii(text: string): this {
    this.#text += text;
    return this;
  }

  /** Kept, not copied: must not change until it was sent. */
  bytes(bytes: Uint8Array): this {
    this.#endText();
    this.#chunks.push(bytes);
    this.#chunkOctets += bytes.length;
    return this;
  }

  /** A place to `rewind` to; taking what was collected makes it void. */
  mark(): Mark {
    return { chunks: this.#chunks.length, chunkOctets: this.#chunkOctets, text: this.#text };
  }

  /** Forgets what was collected since. */
  rewind(mark: Mark): void {
    this.#chunks.length = mark.chunks;
    this.#chunkOctets = mark.chunkOctets;
    this.#text = mark.text;
  }

  /** Everything collected, in order. */
  take(): Uint8Array[] {
    this.#endText();
    const out = this.#chunks;
    this.#chunks = [];
    this.#chunkOctets = 0;
    return out;
  }

  #endText(): void {
    if (this.#text === '') return;
    const bytes = Buffer.from(this.#text, 'latin1');
    this.#chunks.push(bytes);
    this.#chunkOctets += bytes.length;
    this.#text = '';
  }
}
