/** Where a session's answers go: collected into few large writes over a connection, with the knowledge of when the client is behind. */
import type { Connection } from '#runtime/connection.ts';

/**
 * `write` takes whole answers (each ended by CRLF) and never blocks; whoever writes many awaits `ready()` between
 * batches, so that a slow reader holds a bounded amount of memory:
 *
 *     for await (const rows of store.messages(…)) {
 *       for (const row of rows) context.out.write(formatFetch(row));
 *       await context.out.ready();
 *     }
 */
export interface Output {
  write(bytes: Uint8Array | string): void;
  /** True when more is queued than should be: time to await `ready()`. */
  readonly full: boolean;
  /** Resolves once the client has taken enough; at once when not `full`. Rejects with `ConnectionClosed`. */
  ready(): Promise<void>;
  /** Sends what was written without waiting for the end of the command (IDLE, continuation requests). */
  flush(): void;
}

/** Octets collected before they are handed to the connection. */
const CHUNK = 65_536;
/** Larger octet strings are passed on without a copy. */
const NO_COPY = 4_096;

export class ConnectionOutput implements Output {
  readonly #connection: Connection;
  readonly #beforeWait: () => void;
  #chunks: Uint8Array[] = [];
  #text = '';
  #length = 0;
  #waiting = 0;
  #taken: Promise<void> = Promise.resolve();

  /** @param beforeWait called before each wait for the client, to set a deadline for it. */
  constructor(connection: Connection, beforeWait: () => void) {
    this.#connection = connection;
    this.#beforeWait = beforeWait;
  }

  get full(): boolean {
    return this.#waiting > 0;
  }

  write(bytes: Uint8Array | string): void {
    if (typeof bytes === 'string') {
      this.#text += bytes;
    } else {
      this.#endText();
      if (bytes.length >= NO_COPY) this.#send();
      this.#chunks.push(bytes);
    }
    this.#length += bytes.length;
    if (this.#length >= CHUNK) this.#send();
  }

  async ready(): Promise<void> {
    if (this.#waiting === 0) return;
    this.#beforeWait();
    await this.#taken;
  }

  flush(): void {
    this.#send();
  }

  /** Sends everything and waits until the client has taken enough of it. */
  async settle(): Promise<void> {
    this.#send();
    await this.ready();
  }

  #endText(): void {
    if (this.#text === '') return;
    this.#chunks.push(Buffer.from(this.#text));
    this.#text = '';
  }

  #send(): void {
    this.#endText();
    if (this.#chunks.length === 0) return;
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#length = 0;
    this.#waiting++;
    const taken = this.#connection.write(bytes).finally(() => this.#waiting--);
    // Whoever waits hears of a lost connection; if nobody does, the next read fails with the same.
    taken.catch(() => undefined);
    this.#taken = taken;
  }
}
