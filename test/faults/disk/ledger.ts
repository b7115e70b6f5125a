/** Sends messages to one account, remembers which of them were accepted, and looks for them in the mailbox. */
import assert from 'node:assert/strict';
import { withImap } from '#test/support/mail-client.ts';
import type { TestPeer } from '#test/support/system.ts';
import { ImapWire, SmtpWire } from '#test/support/wire.ts';

export const SMALL = 3_000;
/** Above what stands in a row, so it goes to a segment; and above what the MTA keeps in memory. */
export const LARGE = 600_000;

/** How long what was accepted may wait in the queue, on a machine that is busy. */
const QUEUE_MS = 120_000;

export class Ledger {
  readonly peer: TestPeer;
  readonly address: string;
  readonly #accepted = new Map<string, number>();
  #next = 0;

  constructor(peer: TestPeer, address: string) {
    this.peer = peer;
    this.address = address;
  }

  get accepted(): number {
    return this.#accepted.size;
  }

  /** The code of the last reply; 0 when the connection was lost. */
  async send(size: number): Promise<number> {
    const id = `m${this.#next++}`;
    const text = `Subject: ${id}\r\n\r\n${`${id.padEnd(98, 'x')}\r\n`.repeat(size / 100)}`;
    let smtp: SmtpWire | undefined;
    try {
      smtp = await SmtpWire.open(this.peer.host, this.peer.port(25));
      const { code } = await smtp.data('bob@beta.test', this.address, Buffer.from(text));
      if (code === 250) this.#accepted.set(id, text.length);
      return code;
    } catch {
      // Hung up on: no 250, so nothing to remember.
      return 0;
    } finally {
      smtp?.destroy();
    }
  }

  imap(): Promise<ImapWire> {
    return ImapWire.open(this.peer.host, this.peer.port(143), this.address, this.peer.password);
  }

  /** Who got a 250 is there and whole, also what waited in the queue meanwhile. Answers how many messages there are. */
  async nothingLost(): Promise<number> {
    const found = new Map<string, number>();
    const until = Date.now() + QUEUE_MS;
    let missing: string[];
    for (let next = 1; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
      next = await this.#look(found, next);
      missing = [...this.#accepted].filter(([id, size]) => found.get(id) !== size).map(([id]) => id);
      if (missing.length === 0 || Date.now() > until) break;
    }
    assert.deepEqual(missing, [], 'accepted and not there, or not whole');
    return found.size;
  }

  /** Fetches each message by itself; throws when one that comes isn't what was sent. */
  async readAll(): Promise<{ readonly total: number; readonly unavailable: number }> {
    let unavailable = 0;
    const session = await this.imap();
    try {
      const [selected] = (await session.ask('SELECT INBOX')).slice(-1);
      if (!selected?.startsWith('OK')) return { total: 0, unavailable: this.#accepted.size };
      const [search = ''] = await session.must('UID SEARCH ALL');
      const uids = search.split(' ').slice(2);
      for (const uid of uids) {
        const responses = await session.ask(`UID FETCH ${uid} (BODY.PEEK[])`);
        // A damaged page may have lost the row: then it is said to be there no more.
        if (!responses.at(-1)?.startsWith('OK') || responses.length === 1) unavailable++;
        else this.#compare(responses[0] ?? '');
      }
      return { total: uids.length, unavailable };
    } finally {
      session.destroy();
    }
  }

  #compare(response: string): void {
    const text = response.slice(response.indexOf('\r\n') + 2);
    const id = /^Subject: (\w+)\r$/m.exec(text)?.[1] ?? '';
    const size = this.#accepted.get(id);
    assert.ok(size !== undefined, `an unknown message: ${text.slice(0, 200)}`);
    const body = text.slice(text.indexOf(`Subject: ${id}`)).slice(0, size);
    const line = `${id.padEnd(98, 'x')}\r\n`;
    assert.equal(body.slice(body.indexOf('\r\n\r\n') + 4), line.repeat((size - body.indexOf('\r\n\r\n') - 4) / 100));
  }

  /** Reads what has come since the last look; answers the UID from which on the next one has to look. */
  async #look(found: Map<string, number>, from: number): Promise<number> {
    let next = from;
    await withImap({ peer: this.peer, address: this.address }, async (client) => {
      const lock = await client.getMailboxLock('INBOX');
      try {
        for await (const { uid, source = Buffer.alloc(0) } of client.fetch(
          `${from}:*`,
          { uid: true, source: true },
          { uid: true },
        )) {
          if (uid < from) continue;
          const text = source.toString();
          const id = /^Subject: (\w+)\r$/m.exec(text)?.[1] ?? '';
          found.set(id, text.length - text.indexOf(`Subject: ${id}`));
          next = Math.max(next, uid + 1);
        }
      } finally {
        lock.release();
      }
    });
    return next;
  }
}
