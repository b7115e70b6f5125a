/**
 * A raw IMAP client that costs next to nothing: it looks for its tag at the end of what came and counts octets. So that what is measured is the
 * server, both are asked by the same client over loopback.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const BUFFER = 256 * 1024;
/** Octets of what came last that are kept: the tagged line stands in them, COPYUID and all. */
const TAIL = 2_048;

export class RawClient {
  readonly #socket: Socket;
  #tail = '';
  #octets = 0;
  #tags = 0;
  #wanted = '';
  #keep: Buffer[] | undefined;
  #resolve: (line: string) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Resolves once logged in. */
  static async login(host: string, port: number, user: string, password: string): Promise<RawClient> {
    let client: RawClient | undefined;
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(BUFFER),
        callback: (length, buffer) => {
          client?.take(buffer.subarray(0, length) as Buffer);
          return true;
        },
      },
    });
    client = new RawClient(socket);
    const greeting = client.#wait('* ');
    socket.on('error', (error) => client.#reject(error));
    socket.on('close', () => client.#reject(new Error('the server has closed')));
    await once(socket, 'connect');
    await greeting;
    await client.ask(`LOGIN "${user}" "${password}"`);
    return client;
  }

  /** Octets received so far. */
  get octets(): number {
    return this.#octets;
  }

  take(chunk: Buffer): void {
    this.#octets += chunk.length;
    this.#keep?.push(Buffer.from(chunk));
    this.#tail = (this.#tail + chunk.toString('latin1', Math.max(0, chunk.length - TAIL))).slice(-TAIL);
    if (!this.#tail.endsWith('\r\n')) return;
    const start = this.#tail.lastIndexOf('\n', this.#tail.length - 2) + 1;
    if (this.#tail.startsWith(this.#wanted, start)) this.#resolve(this.#tail.slice(start, -2));
  }

  /** One command; answers its tagged line, and throws when that is not OK. */
  async ask(command: string | Buffer): Promise<string> {
    const tag = `t${++this.#tags}`;
    const answer = this.#wait(`${tag} `);
    this.#socket.write(Buffer.concat([Buffer.from(`${tag} `), Buffer.from(command), Buffer.from('\r\n')]));
    const line = await answer;
    if (!line.startsWith(`${tag} OK`)) throw new Error(`${String(command).slice(0, 80)}: ${line}`);
    return line;
  }

  /** Many commands in one write; waits for the last. */
  async pipeline(commands: readonly string[]): Promise<void> {
    const lines = commands.map((command) => `t${++this.#tags} ${command}\r\n`);
    const answer = this.#wait(`t${this.#tags} `);
    this.#socket.write(lines.join(''));
    await answer;
  }

  /** As `ask`, and answers everything that came. */
  async read(command: string): Promise<string> {
    this.#keep = [];
    await this.ask(command);
    const all = Buffer.concat(this.#keep).toString('latin1');
    this.#keep = undefined;
    return all;
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  #wait(wanted: string): Promise<string> {
    this.#wanted = wanted;
    this.#tail = '';
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }
}
