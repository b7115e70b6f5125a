/** A client that says anything, from any address, and need not listen. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class HostileClient {
  readonly #socket: Socket;
  #text = '';
  #closed = false;
  #wake: () => void = () => undefined;

  static async open(host: string, port: number, localAddress: string): Promise<HostileClient> {
    const socket = connect({ port, host, localAddress });
    await once(socket, 'connect');
    return new HostileClient(socket);
  }

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
    socket.on('data', (chunk) => {
      this.#text += chunk.toString('latin1');
      this.#wake();
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Reads no more. */
  deafen(): void {
    this.#socket.removeAllListeners('data');
    this.#socket.pause();
  }

  /** False when the other side hung up, or did not take it in time. */
  async say(text: string | Uint8Array, withinMs = 30_000): Promise<boolean> {
    if (this.#closed) return false;
    const socket = this.#socket;
    if (typeof text === 'string' ? socket.write(text, 'latin1') : socket.write(text)) return true;
    return new Promise((resolve) => {
      const end = (taken: boolean): void => {
        clearTimeout(timer);
        socket.off('drain', drained).off('close', closed);
        resolve(taken);
      };
      const drained = (): void => end(true);
      const closed = (): void => end(false);
      const timer = setTimeout(closed, withinMs);
      socket.on('drain', drained).on('close', closed);
    });
  }

  /** The match, once it is there; throws when the connection is closed without it, or time is over. */
  async until(pattern: RegExp, withinMs = 30_000): Promise<string> {
    const end = performance.now() + withinMs;
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match.index + match[0].length);
        return match[0];
      }
      const left = end - performance.now();
      if (this.#closed || left <= 0) {
        throw new Error(`${this.#closed ? 'closed' : 'silent'} without ${pattern}; it said: ${this.#text.slice(-300)}`);
      }
      await this.#more(left);
    }
  }

  async closed(withinMs = 30_000): Promise<void> {
    const end = performance.now() + withinMs;
    while (!this.#closed) {
      if (performance.now() >= end) throw new Error('the connection is still open');
      await this.#more(end - performance.now());
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  #more(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
