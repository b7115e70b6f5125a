/** Chunks that have arrived and were not read yet; one reader at a time. Shared by socket and in-memory connections, so that both fail alike. */
import type { ConnectionClosed } from './connection.ts';

interface Waiter {
  resolve(chunk: Uint8Array | null): void;
  reject(error: ConnectionClosed): void;
}

export class ReadQueue {
  #chunks: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #failure: ConnectionClosed | undefined;
  #interruption: ConnectionClosed | undefined;
  #waiter: Waiter | undefined;

  get size(): number {
    return this.#size;
  }

  push(chunk: Uint8Array): void {
    const waiter = this.#waiter;
    if (waiter !== undefined) {
      this.#waiter = undefined;
      waiter.resolve(chunk);
      return;
    }
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The peer sends no more: what is queued is still read, then `null`. */
  end(): void {
    this.#ended = true;
    this.#settle((waiter) => waiter.resolve(null));
  }

  /** For good: what is queued is still read, then every read fails. */
  fail(error: ConnectionClosed): void {
    this.#failure ??= error;
    this.#settle((waiter) => waiter.reject(error));
  }

  /** Fails one read: the pending one, else the next that finds nothing queued. Loses no bytes. */
  interrupt(error: ConnectionClosed): void {
    if (this.#waiter === undefined) this.#interruption = error;
    else this.#settle((waiter) => waiter.reject(error));
  }

  /** Fails the pending read, if there is one. */
  cancel(error: ConnectionClosed): void {
    this.#settle((waiter) => waiter.reject(error));
  }

  clear(): void {
    this.#chunks = [];
    this.#size = 0;
  }

  /** Not `async`: a promise within a promise takes three turns more of the queue of microtasks, for each command of each client. */
  read(): Promise<Uint8Array | null> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#size -= chunk.length;
      return Promise.resolve(chunk);
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(null);
    const interruption = this.#interruption;
    if (interruption !== undefined) {
      this.#interruption = undefined;
      return Promise.reject(interruption);
    }
    if (this.#waiter !== undefined) return Promise.reject(new Error('a read is pending already'));
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  #settle(act: (waiter: Waiter) => void): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter !== undefined) act(waiter);
  }
}
