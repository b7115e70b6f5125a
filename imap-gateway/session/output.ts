/** Where a session's answers go: collected into few large writes over a connection, with the knowledge of when the client is behind. */
import { type Connection, TAKEN } from '#runtime/connection.ts';

/**
 * `write` takes whole answers (each ended by CRLF) and never blocks; it copies, so that octets may be changed afterwards; whoever writes many awaits `ready()` between
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

/** Octets that leave together: one system call on one piece of memory. */
const SLAB = 65_536;
/** Of all connections of the process: memory that is made for each piece is garbage outside of V8's heap, for which it collects the whole heap. */
const SPARE = 8;
const spare: Buffer[] = [];

export class ConnectionOutput implements Output {
  readonly #connection: Connection;
  readonly #beforeWait: () => void;
  /** What is collected, up to `#at`; then `#text`. */
  #slab: Buffer | undefined;
  #at = 0;
  #text = '';
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
      if (this.#text.length >= SLAB) this.#endText();
    } else {
      this.#endText();
      this.#put(bytes);
    }
  }

  async ready(): Promise<void> {
    if (this.#waiting === 0) return;
    this.#beforeWait();
    await this.#taken;
  }

  flush(): void {
    this.#endText();
    this.#send();
  }

  /** Sends everything and waits until the client has taken enough of it. */
  async settle(): Promise<void> {
    this.flush();
    await this.ready();
  }

  #endText(): void {
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    // An UTF-16 unit becomes three octets at most.
    if (text.length * 3 > SLAB - this.#at) this.#put(Buffer.from(text));
    else this.#at += this.#open().write(text, this.#at);
  }

  #put(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const take = Math.min(SLAB - this.#at, bytes.length - from);
      this.#open().set(take === bytes.length ? bytes : bytes.subarray(from, from + take), this.#at);
      this.#at += take;
      from += take;
      if (this.#at === SLAB) this.#send();
    }
  }

  #open(): Buffer {
    this.#slab ??= spare.pop() ?? Buffer.allocUnsafeSlow(SLAB);
    return this.#slab;
  }

  #send(): void {
    const slab = this.#slab;
    if (slab === undefined) return;
    const bytes = slab.subarray(0, this.#at);
    this.#slab = undefined;
    this.#at = 0;
    // A client that is behind holds what it has to get, and not more than one slab.
    const behind = this.#connection.queued !== 0;
    this.#pass(behind ? Buffer.from(bytes) : bytes);
    if ((behind || this.#connection.queued === 0) && spare.length < SPARE) spare.push(slab);
  }

  #pass(bytes: Uint8Array): void {
    // At once: what comes next is either more of a long answer or the client's turn.
    const written = this.#connection.write(bytes, true);
    if (written === TAKEN) return;
    this.#waiting++;
    const taken = written.finally(() => this.#waiting--);
    // Whoever waits hears of a lost connection; if nobody does, the next read fails with the same.
    taken.catch(() => undefined);
    this.#taken = taken;
  }
}
