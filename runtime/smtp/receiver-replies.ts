/**
 * Replies leave in the order of the commands, though some are known later than others (RFC 2920 §3.2). What is ready gathers into one write, which
 * happens before the engine waits for input, or when a deferred reply arrives while it waits.
 */
import { formatReply, type Reply } from '#mail/smtp/reply.ts';
import { type Connection, ConnectionClosed } from '../connection.ts';

interface Entry {
  text: string | undefined;
}

/** Characters gathered before they are written without waiting for the end of the group. */
const GATHER = 16_384;

export class ReplyQueue {
  readonly #connection: Connection;
  #out = '';
  #entries: Entry[] = [];
  #waiters: (() => void)[] = [];
  /** While the engine waits for input, a reply that becomes known is written at once. */
  waiting = false;
  /** Called when the last outstanding reply has come while the engine waits: from now on it is the client's turn. */
  onIdle: () => void = () => undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Deferred replies that are still to come, and what stands behind them. */
  get outstanding(): number {
    return this.#entries.length;
  }

  add(reply: Reply | readonly Reply[] | Promise<readonly Reply[]>): void {
    if (reply instanceof Promise) {
      const entry: Entry = { text: undefined };
      this.#entries.push(entry);
      void reply.then((replies) => {
        entry.text = format(replies);
        return this.#settled();
      });
    } else if (this.#entries.length > 0) {
      this.#entries.push({ text: format(reply) });
    } else {
      this.#out += format(reply);
    }
  }

  /** True when so much has gathered that it should be written now. */
  get full(): boolean {
    return this.#out.length > GATHER;
  }

  /** Writes what is ready. */
  async flush(): Promise<void> {
    if (this.#out === '') return;
    const out = this.#out;
    this.#out = '';
    await this.#connection.write(out);
  }

  /** Resolves once at most `count` replies are outstanding. Meanwhile those that are ready are written, for the client may wait for them. */
  async atMost(count: number): Promise<void> {
    this.waiting = true;
    try {
      await this.flush();
      while (this.#entries.length > count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    } finally {
      this.waiting = false;
    }
  }

  async #settled(): Promise<void> {
    const { length } = this.#entries;
    let ready = 0;
    for (; ready < length; ready += 1) {
      const text = this.#entries[ready]?.text;
      if (text === undefined) break;
      this.#out += text;
    }
    if (ready === 0) return;
    this.#entries.splice(0, ready);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
    if (!this.waiting) return;
    if (this.#entries.length === 0) this.onIdle();
    try {
      await this.flush();
    } catch (error) {
      // The connection is gone; the engine learns it from its own read.
      if (!(error instanceof ConnectionClosed)) throw error;
    }
  }
}

function format(reply: Reply | readonly Reply[]): string {
  return isList(reply) ? reply.map(formatReply).join('') : formatReply(reply);
}

const isList = (reply: Reply | readonly Reply[]): reply is readonly Reply[] => Array.isArray(reply);
