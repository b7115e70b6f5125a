/** A raw connection to a protocol of lines, for tests that must see each answer and each end. */
import { createConnection, type Socket } from 'node:net';

export class Line {
  readonly socket: Socket;
  readonly #lines: string[] = [];
  #rest = '';
  #over = false;
  #wake: () => void = () => undefined;

  /** @param localAddress where the connection comes from: limits count by it. */
  constructor(at: { readonly host: string; readonly port: number; readonly localAddress?: string }) {
    this.socket = createConnection(at);
    this.socket.on('error', () => undefined);
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\r\n');
      this.#rest = lines.pop() ?? '';
      this.#lines.push(...lines);
      this.#wake();
    });
    this.socket.on('close', () => {
      this.#over = true;
      this.#wake();
    });
  }

  write(text: string): void {
    this.socket.write(text);
  }

  close(): void {
    this.socket.destroy();
  }

  /** The next line; `undefined` when the connection is over. */
  async next(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#lines.shift();
  }

  /** The last line of an SMTP reply. */
  async reply(): Promise<string | undefined> {
    for (;;) {
      const line = await this.next();
      if (line === undefined || line[3] !== '-') return line;
    }
  }

  /** Writes, and answers the last line of the reply. */
  async ask(text: string): Promise<string | undefined> {
    this.write(`${text}\r\n`);
    return this.reply();
  }

  /** The first line that matches; `undefined` when the connection is over before. */
  async until(pattern: RegExp): Promise<string | undefined> {
    for (;;) {
      const line = await this.next();
      if (line === undefined || pattern.test(line)) return line;
    }
  }
}
