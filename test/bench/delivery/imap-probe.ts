/** Just enough IMAP to see from outside what has arrived. */
import { connect, type Socket } from 'node:net';

export class ImapProbe {
  readonly #socket: Socket;
  #text = '';
  #tag = 0;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => this.#wake());
  }

  static async open(at: { host: string; port: number }, user: string, password: string): Promise<ImapProbe> {
    const socket = connect({ ...at, noDelay: true });
    const probe = new ImapProbe(socket);
    await probe.#until(/^\* OK/m);
    await probe.command(`LOGIN "${user}" "${password}"`);
    return probe;
  }

  /** Sends a command and answers all that came until its OK. */
  async command(text: string): Promise<string> {
    const tag = `a${++this.#tag}`;
    this.#text = '';
    this.#socket.write(`${tag} ${text}\r\n`);
    const answer = await this.#until(new RegExp(`^${tag} .*\r\n`, 'm'));
    if (!answer.includes(`${tag} OK`)) throw new Error(`IMAP refused ${text.split(' ')[0]}: ${answer}`);
    return answer;
  }

  /** How many messages another session would see in INBOX now. */
  async count(): Promise<number> {
    return Number(/MESSAGES (\d+)/.exec(await this.command('STATUS INBOX (MESSAGES)'))?.[1] ?? 0);
  }

  /** SELECT and IDLE; the connection stays so. */
  async idle(): Promise<void> {
    await this.command('SELECT INBOX');
    this.#text = '';
    this.#socket.write('i IDLE\r\n');
    await this.#until(/^\+ /m);
  }

  close(): void {
    this.#socket.destroy();
  }

  async #until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#text)) {
      if (this.#socket.destroyed) throw new Error(`IMAP hung up: ${this.#text}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#text;
  }
}
