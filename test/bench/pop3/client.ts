/** A raw POP3 client that costs next to nothing: it counts answers by their ends and octets, and looks at nothing else. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const BUFFER = 256 * 1024;
const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

export class RawPop3 {
  readonly #socket: Socket;
  /** Answers to come, and whether they are multi-line. */
  #wanted = 0;
  #multi = false;
  /** The first line of an answer is passed. */
  #inBody = false;
  #line = '';
  #last = Buffer.alloc(0);
  #octets = 0;
  #done: (line: string) => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async connect(host: string, port: number): Promise<RawPop3> {
    let client: RawPop3 | undefined;
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
    client = new RawPop3(socket);
    const greeting = client.#answers(1, false);
    socket.on('error', (error) => client.#fail(error));
    socket.on('close', () => client.#fail(new Error('the server has closed')));
    await once(socket, 'connect');
    await greeting;
    return client;
  }

  static async login(host: string, port: number, user: string, password: string): Promise<RawPop3> {
    const client = await RawPop3.connect(host, port);
    await client.ask(`USER ${user}`);
    await client.ask(`PASS ${password}`);
    return client;
  }

  get octets(): number {
    return this.#octets;
  }

  /** A command with an answer of one line; answers it, and throws for -ERR. */
  async ask(command: string): Promise<string> {
    const answer = this.#answers(1, false);
    this.#socket.write(`${command}\r\n`);
    return await answer;
  }

  /** Commands in one write, each with a multi-line answer. */
  async multi(commands: readonly string[]): Promise<void> {
    const answers = this.#answers(commands.length, true);
    this.#socket.write(commands.map((command) => `${command}\r\n`).join(''));
    await answers;
  }

  async quit(): Promise<void> {
    this.#socket.removeAllListeners('close');
    await this.ask('QUIT');
    this.#socket.destroy();
  }

  take(chunk: Buffer): void {
    this.#octets += chunk.length;
    let at = 0;
    while (at < chunk.length && this.#wanted > 0) {
      if (!this.#inBody) {
        const lf = chunk.indexOf(LF, at);
        this.#line += chunk.toString('latin1', at, lf < 0 ? chunk.length : lf + 1);
        if (lf < 0) return;
        at = lf + 1;
        if (this.#line.startsWith('-')) {
          this.#fail(new Error(this.#line.trim()));
          return;
        }
        if (!this.#multi) this.#ended();
        else this.#inBody = true;
        // The dot may be all that there is.
        this.#last = Buffer.from('\r\n');
        continue;
      }
      const end = this.#endOfBody(chunk, at);
      if (end < 0) return;
      at = end;
      this.#inBody = false;
      this.#ended();
    }
  }

  /** Behind the lone dot; the end of it may stand in the chunk before. */
  #endOfBody(chunk: Buffer, from: number): number {
    const joint = Buffer.concat([this.#last, chunk.subarray(from, from + 4)]);
    const over = joint.indexOf('\r\n.\r\n');
    if (over >= 0) return from + over + 5 - this.#last.length;
    for (let at = chunk.indexOf('\n.\r\n', from); at >= 0; at = chunk.indexOf('\n.\r\n', at + 1)) {
      if (at > from && chunk[at - 1] === CR && chunk[at + 1] === DOT) return at + 4;
    }
    const all = Buffer.concat([this.#last, chunk.subarray(Math.max(from, chunk.length - 4))]);
    this.#last = Buffer.from(all.subarray(-4));
    return -1;
  }

  #ended(): void {
    const line = this.#line;
    this.#line = '';
    if (--this.#wanted === 0) this.#done(line.trim());
  }

  #answers(count: number, multi: boolean): Promise<string> {
    this.#wanted = count;
    this.#multi = multi;
    return new Promise((resolve, reject) => {
      this.#done = resolve;
      this.#fail = reject;
    });
  }
}
