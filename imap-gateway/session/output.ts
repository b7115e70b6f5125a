/** Where a session's answers go: collected into few large writes over a connection, with the knowledge of when the client is behind. */
import { type Connection, TAKEN } from '#runtime/connection.ts';

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
/** Up to this much leaves as one piece, for one system call on one buffer. */
const ONE_PIECE = 16_384;
/** In more than that, larger octet strings are passed on without a copy. */
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
    this.#send(true);
  }

  /** Sends everything and waits until the client has taken enough of it. */
  async settle(): Promise<void> {
    this.#send(true);
    await this.ready();
  }

  #endText(): void {
    if (this.#text === '') return;
    this.#chunks.push(Buffer.from(this.#text));
    this.#text = '';
  }

  /** @param last we wait for the client next. */
  #send(last = false): void {
    this.#endText();
    const pieces = joined(this.#chunks, this.#length <= ONE_PIECE ? ONE_PIECE + 1 : NO_COPY);
    this.#chunks = [];
    this.#length = 0;
    for (const [i, piece] of pieces.entries()) this.#pass(piece, last && i === pieces.length - 1);
  }

  #pass(bytes: Uint8Array, last: boolean): void {
    const written = this.#connection.write(bytes, last);
    if (written === TAKEN) return;
    this.#waiting++;
    const taken = written.finally(() => this.#waiting--);
    // Whoever waits hears of a lost connection; if nobody does, the next read fails with the same.
    taken.catch(() => undefined);
    this.#taken = taken;
  }
}

/** The same octets in fewer pieces: neighbours smaller than `small` become one. */
function joined(chunks: readonly Uint8Array[], small: number): Uint8Array[] {
  if (chunks.length <= 1) return [...chunks];
  const out: Uint8Array[] = [];
  for (let from = 0, to = 0; from < chunks.length; from = to) {
    while (to < chunks.length && chunks[to]!.length < small) to++;
    if (to - from > 1) out.push(Buffer.concat(chunks.slice(from, to)));
    else if (to === from) out.push(chunks[to++]!);
    else out.push(chunks[from]!);
  }
  return out;
}
