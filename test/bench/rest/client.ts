/** HTTP/1.1 with as little work as possible, so that what is measured is the server: one request at a time on each connection, kept open. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export class HttpClient {
  readonly #socket: Socket;
  readonly #host: string;
  readonly #authorization: string;
  #waiting: PromiseWithResolvers<Answer> | undefined;
  #chunks: Buffer[] = [];
  #length = 0;
  /** Octets of head and body, once the head has come. */
  #wanted = Number.POSITIVE_INFINITY;

  private constructor(socket: Socket, host: string, authorization: string) {
    this.#socket = socket;
    this.#host = host;
    this.#authorization = authorization;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#waiting?.reject(error));
    socket.on('close', () => this.#waiting?.reject(new Error('the server has closed the connection')));
  }

  static async open(host: string, port: number, authorization = ''): Promise<HttpClient> {
    const socket = connect({ host, port, noDelay: true });
    await once(socket, 'connect');
    return new HttpClient(socket, host, authorization);
  }

  async ask(method: string, path: string, body?: object): Promise<Answer> {
    const text = body === undefined ? '' : JSON.stringify(body);
    const about =
      body === undefined ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`;
    const credentials = this.#authorization === '' ? '' : `authorization: ${this.#authorization}\r\n`;
    this.#waiting = Promise.withResolvers();
    this.#socket.write(
      `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\naccept-encoding: gzip\r\n${credentials}${about}\r\n${text}`,
    );
    return await this.#waiting.promise;
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#wanted === Number.POSITIVE_INFINITY) {
      const all = Buffer.concat(this.#chunks);
      this.#chunks = [all];
      const end = all.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(all.toString('latin1', 0, end));
      if (length === null) {
        this.#waiting?.reject(new Error('an answer without a length'));
        return;
      }
      this.#wanted = end + 4 + Number(length[1]);
    }
    if (this.#length < this.#wanted) return;
    const all = Buffer.concat(this.#chunks);
    const body = all.subarray(all.indexOf('\r\n\r\n') + 4);
    this.#chunks = [];
    this.#length = 0;
    this.#wanted = Number.POSITIVE_INFINITY;
    this.#waiting?.resolve({ status: Number(all.toString('latin1', 9, 12)), body });
  }
}
