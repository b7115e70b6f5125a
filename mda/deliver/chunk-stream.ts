/** Chunks from one who pushes to one who iterates, one at a time: the pusher waits until the reader has taken the chunk. */
export class ChunkStream implements AsyncIterable<Uint8Array> {
  #chunk: Uint8Array | undefined;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wakeReader: () => void = () => undefined;
  #wakeWriter: () => void = () => undefined;

  /** Resolves once the chunk was taken, or once nobody will take it any more. */
  async push(chunk: Uint8Array): Promise<void> {
    if (this.#failure !== undefined || this.#ended) return;
    this.#chunk = chunk;
    this.#wakeReader();
    await new Promise<void>((resolve) => {
      this.#wakeWriter = resolve;
    });
  }

  end(): void {
    this.#ended = true;
    this.#wakeReader();
  }

  /** The reader gets the error, the writer goes on into nothing. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wakeReader();
    this.#wakeWriter();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure.error;
        const chunk = this.#chunk;
        if (chunk !== undefined) {
          this.#chunk = undefined;
          this.#wakeWriter();
          yield chunk;
        } else if (this.#ended) return;
        else {
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve;
          });
        }
      }
    } finally {
      // The reader stopped early: it must not leave the writer waiting.
      this.#ended = true;
      this.#wakeWriter();
    }
  }
}
