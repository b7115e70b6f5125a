/** IMAP sessions over a store in memory: one account, any number of connections, no sockets. */
import { newId } from '#store/ids.ts';
import { MemoryStore } from '#store/memory/store.ts';
import { LARGE_MAILBOX, type MailStore } from '#store/store.ts';
import type { Access } from '#store/types.ts';
import { ViewCache } from '#store/view-cache.ts';
import type { ImapServices } from '../../imap-gateway/imap/command.ts';
import { commandTable } from '../../imap-gateway/imap/commands/table.ts';
import { serveConnection } from '../../imap-gateway/imap/driver.ts';
import { FakeClock } from './clock.ts';
import { silentLog } from './log.ts';
import { connectionPair, type MemoryConnection } from './memory-connection.ts';
import { fakeRandom } from './random.ts';

export interface ImapWorld {
  readonly services: ImapServices;
  readonly store: MailStore;
  readonly access: Access;
  readonly clock: FakeClock;
  /** A client that has logged in. */
  connect(): Promise<ImapTestClient>;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly messageSize?: number;
  /** Wraps the store, for faults. */
  readonly wrap?: (store: MailStore) => MailStore;
}

export async function imapWorld(options: WorldOptions = {}): Promise<ImapWorld> {
  const clock = new FakeClock();
  const random = fakeRandom();
  const memory = new MemoryStore({ clock, random });
  const store = options.wrap?.(memory) ?? memory;
  const account = newId('account', random);
  const access = { owner: account, viewer: account };
  await memory.commit({
    owner: account,
    actor: account,
    id: 'c0',
    mutations: [{ type: 'create-account', mailboxes: [] }],
  });
  const views = new ViewCache({ store, clock, log: silentLog });
  const login = { account, address: 'alice@alpha.test' };
  const services = {
    hostname: 'alpha.test',
    store,
    views,
    auth: { admit: async () => undefined, finish: async () => login },
    clock,
    random,
    log: silentLog,
    limits: {
      messageSize: options.messageSize ?? 1_000_000,
      idleTimeout: 1_800_000,
      loginTimeout: 60_000,
      badCommands: 50,
      idleKeepAlive: 120_000,
      largeMailbox: LARGE_MAILBOX,
    },
    // What these sessions never ask for is left out: the directory, and SASL.
  } as unknown as ImapServices;
  const running: Promise<void>[] = [];
  const clients: ImapTestClient[] = [];
  return {
    services,
    store,
    access,
    clock,
    async connect() {
      const { server, client } = connectionPair({ clock, remote: { address: '127.0.0.1', port: 4 }, tls: true });
      running.push(serveConnection(server, { services, table: commandTable, canStartTls: false, log: silentLog }));
      const connected = new ImapTestClient(client);
      clients.push(connected);
      await connected.line();
      await connected.ask('LOGIN alice x');
      return connected;
    },
    async close() {
      for (const client of clients) await client.end();
      await Promise.all(running);
      await views.close();
      await store.close();
    },
  };
}

/** Speaks plain IMAP: responses are whole, with their literals, as binary strings without the final CRLF. */
export class ImapTestClient {
  readonly #connection: MemoryConnection;
  #buffer = '';
  #tags = 0;

  constructor(connection: MemoryConnection) {
    this.#connection = connection;
  }

  /** Sends a command under a fresh tag; answers all untagged responses and last the tagged one, its tag left out. */
  async ask(command: string): Promise<string[]> {
    const tag = this.start(command);
    return this.finish(tag);
  }

  /** Sends without waiting; answers the tag. */
  start(command: string): string {
    const tag = `t${++this.#tags}`;
    this.send(`${tag} ${command}\r\n`);
    return tag;
  }

  /** @param octets a binary string. */
  send(octets: string): void {
    this.#connection.write(Buffer.from(octets, 'latin1')).catch(() => undefined);
  }

  async finish(tag: string): Promise<string[]> {
    const out: string[] = [];
    for (;;) {
      const response = await this.line();
      if (response.startsWith(`${tag} `)) return [...out, response.slice(tag.length + 1)];
      out.push(response);
    }
  }

  /** The next response. Throws when the server has closed. */
  async line(): Promise<string> {
    let end = 0;
    for (;;) {
      const crlf = this.#buffer.indexOf('\r\n', end);
      if (crlf < 0) {
        await this.#read();
        continue;
      }
      const size = /\{(\d+)\}$/.exec(this.#buffer.slice(end, crlf))?.[1];
      if (size === undefined) {
        const line = this.#buffer.slice(0, crlf);
        this.#buffer = this.#buffer.slice(crlf + 2);
        return line;
      }
      end = crlf + 2 + Number(size);
      while (this.#buffer.length < end) await this.#read();
    }
  }

  async end(): Promise<void> {
    await this.#connection.end();
  }

  async #read(): Promise<void> {
    const chunk = await this.#connection.read();
    if (chunk === null) throw new Error(`the server has closed; unread: ${this.#buffer}`);
    this.#buffer += Buffer.from(chunk).toString('latin1');
  }
}
