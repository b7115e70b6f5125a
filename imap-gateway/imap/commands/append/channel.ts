/** Chunks handed from who receives them to who stores them, one at a time: the receiver waits until the last was taken. */
export class Channel implements AsyncIterable<Uint8Array> {
  #chunk: Uint8Array | undefined;
  #ended = false;
  #failure: unknown;
  #failed = false;
  #wake: (() => void) | undefined;
  #taken: (() => void) | undefined;

  /** Resolves when the chunk may be forgotten. Once the reader has gone, chunks fall through. */
  put(chunk: Uint8Array): Promise<void> | void {
    if (this.#ended) return;
    this.#chunk = chunk;
    this.#wake?.();
    return new Promise((resolve) => {
      this.#taken = resolve;
    });
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The reader gets the error instead of an end. */
  fail(error: unknown): void {
    this.#failure = error;
    this.#failed = true;
    this.end();
  }

  /** The reader has gone: whoever puts is not to wait for it. */
  leave(): void {
    this.#ended = true;
    this.#chunk = undefined;
    this.#taken?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunk;
        if (chunk !== undefined) {
          yield chunk;
          this.#chunk = undefined;
          this.#taken?.();
          continue;
        }
        if (this.#failed) throw this.#failure;
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.leave();
    }
  }
}
