/** The order in which messages that share a connection write and read. */
export interface Turn {
  readonly mayWrite: Promise<void>;
  /** Once the replies of the message before have been read. */
  readonly mayRead: Promise<void>;
  end(): void;
}

export class Turns {
  /** Ends when the replies of the message before have been read; and when the last message that needed the connection to itself is through. */
  #tail: Promise<void> = Promise.resolve();
  #gate: Promise<void> = Promise.resolve();

  /** @param alone keeps those behind from writing until the end. */
  take(alone: boolean): Turn {
    const mayWrite = this.#gate;
    const mayRead = this.#tail;
    const { promise, resolve: end } = Promise.withResolvers<void>();
    this.#tail = promise;
    if (alone) this.#gate = promise;
    return { mayWrite, mayRead, end };
  }
}
