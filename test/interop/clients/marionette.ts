/** The remote control that Mozilla's programs have built in: scripts run with the program's own rights. */
import { connect, type Socket } from 'node:net';
import { until } from '../programs.ts';

/** A program with windows is slow to start, and slower on a machine that does much else. */
const PATIENCE = 180_000;

export class Marionette {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #buffer = Buffer.alloc(0);
  #id = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error('Marionette has closed'));
    });
  }

  /** Waits until the program listens there, and begins a session. */
  static async connect(port: number): Promise<Marionette> {
    const socket = await until(() => tryConnect(port), 'Marionette to listen', undefined, PATIENCE);
    const marionette = new Marionette(socket);
    await marionette.#command('WebDriver:NewSession', {});
    await marionette.#command('Marionette:SetContext', { value: 'chrome' });
    return marionette;
  }

  /** Runs the body of an async function, and answers what it returns. */
  async run(body: string, ...args: unknown[]): Promise<unknown> {
    const script = `const [...args] = arguments; const done = args.pop();
      const { MailServices } = ChromeUtils.importESModule('resource:///modules/MailServices.sys.mjs');
      const main = () => Services.wm.getMostRecentWindow('mail:3pane');
      (async () => { ${body} })().then((value) => done({ value: value ?? null }), (error) => done({ error: String(error) + error.stack }));`;
    const { value } = (await this.#command('WebDriver:ExecuteAsyncScript', { script, args, newSandbox: true })) as {
      value: { value?: unknown; error?: string };
    };
    if (value.error !== undefined) throw new Error(value.error);
    return value.value;
  }

  /** Waits until the script returns something true; an error in it counts as not yet. */
  async waitFor(what: string, body: string, ...args: unknown[]): Promise<unknown> {
    let last: unknown;
    const look = async () => {
      try {
        last = await this.run(body, ...args);
        return last || undefined;
      } catch (error) {
        last = error;
        return undefined;
      }
    };
    return await until(look, what, async () => String(last), PATIENCE);
  }

  close(): void {
    this.#socket.destroy();
  }

  #command(name: string, parameters: unknown): Promise<unknown> {
    const id = ++this.#id;
    const text = Buffer.from(JSON.stringify([0, id, name, parameters]));
    this.#socket.write(`${text.length}:${text.toString('utf8')}`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #take(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const colon = this.#buffer.indexOf(':');
      const end = colon + 1 + Number(this.#buffer.toString('latin1', 0, Math.max(colon, 0)));
      if (colon < 0 || this.#buffer.length < end) return;
      const message = JSON.parse(this.#buffer.toString('utf8', colon + 1, end)) as unknown;
      this.#buffer = this.#buffer.subarray(end);
      // The first is a greeting.
      if (Array.isArray(message)) this.#answer(message as [number, number, { message: string } | null, unknown]);
    }
  }

  #answer([, id, error, result]: [number, number, { message: string } | null, unknown]): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === null) waiting?.resolve(result);
    else waiting?.reject(new Error(error.message));
  }
}

function tryConnect(port: number): Promise<Socket | false> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.once('error', () => resolve(false));
  });
}
