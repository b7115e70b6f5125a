/** Replies of the peer in their order, from a connection. One reader at a time. */
import type { Reply } from '#mail/smtp/reply.ts';
import { ReplyParser } from '#mail/smtp/reply-parser.ts';
import { type Connection, ConnectionClosed } from '../connection.ts';

export class ReplyStream {
  readonly #connection: Connection;
  readonly #replies: Reply[] = [];
  #parser = new ReplyParser();
  /** A read that was begun while idle, to hear the peer hang up. */
  #early: Promise<Uint8Array | null> | undefined;
  #idle = false;
  #disturbed = false;

  readonly #onDisturbed: () => void;

  constructor(connection: Connection, onDisturbed: () => void) {
    this.#connection = connection;
    this.#onDisturbed = onDisturbed;
  }

  /**
   * The next reply. The wait is limited only where there is one. Throws `ConnectionClosed`, or the parser's error for nonsense and for replies over its limits:
   * then the connection is of no use any more.
   */
  async next(timeoutMs: number): Promise<Reply> {
    const ready = this.ready();
    if (ready !== undefined) return ready;
    this.#connection.deadline(timeoutMs);
    for (;;) {
      const early = this.#early;
      this.#early = undefined;
      const chunk = await (early ?? this.#connection.read());
      if (chunk === null) throw new ConnectionClosed('closed');
      for (const reply of this.#parser.push(chunk)) this.#replies.push(reply);
      const reply = this.#replies.shift();
      if (reply !== undefined) return reply;
    }
  }

  /** The next reply if it is there: those of a pipelined group come together, and need no waiting. */
  ready(): Reply | undefined {
    return this.#replies.shift();
  }

  /** A reply is there, or has begun, that nobody has asked for yet. */
  get waiting(): boolean {
    return this.#replies.length > 0 || this.#connection.buffered > 0;
  }

  /** Listens while nothing is under way; `disturbed` tells that the peer said something or hung up, and `onDisturbed` is called then. */
  idle(): void {
    this.#connection.deadline(undefined);
    this.#idle = true;
    if (this.waiting) this.#disturb();
    if (this.#early !== undefined || this.#disturbed) return;
    this.#early = this.#connection.read();
    const heard = (): void => {
      if (this.#idle) this.#disturb();
    };
    this.#early.then(heard, heard);
  }

  /** Something is about to be asked: what comes from now on may be its answer. */
  busy(): void {
    this.#idle = false;
  }

  #disturb(): void {
    if (this.#disturbed) return;
    this.#disturbed = true;
    this.#onDisturbed();
  }

  get disturbed(): boolean {
    return this.#disturbed;
  }

  /** After TLS nothing that was said in the clear counts (RFC 3207 §4.2). */
  reset(): void {
    this.#replies.length = 0;
    this.#parser = new ReplyParser();
  }
}
