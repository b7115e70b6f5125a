/** Keeps the beginning of a message while it passes: the chunks themselves, which are in memory anyway. */
export class Beginning {
  readonly #chunks: Uint8Array[] = [];
  #room: number;
  #whole: Uint8Array | undefined;

  /** @param octets how much of it. */
  constructor(octets: number) {
    this.#room = octets;
  }

  write(chunk: Uint8Array): void {
    if (this.#room <= 0) return;
    const kept = chunk.length > this.#room ? chunk.subarray(0, this.#room) : chunk;
    this.#chunks.push(kept);
    this.#room -= kept.length;
  }

  /** Once the message is over. */
  bytes(): Uint8Array {
    this.#whole ??= this.#chunks.length === 1 ? (this.#chunks[0] as Uint8Array) : Buffer.concat(this.#chunks);
    return this.#whole;
  }
}
