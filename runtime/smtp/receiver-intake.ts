/** Moves the content of a message from the connection into its `Content`: up to the dot, or so many octets. Holds its sender to the pace. */
import type { LineSplitter } from '#mail/smtp/line-splitter.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import type { Clock } from '../ambient.ts';
import { type Connection, ConnectionClosed } from '../connection.ts';
import { type Content, tooLarge } from './receiver-content.ts';
import { Pace, type PaceLimits } from './receiver-pace.ts';

/** Content is read to its end though it is too large (RFC 1870 §6.3), but not without end: the client gets the refusal while it still sends, and is left. */
export class EndlessContent extends Error {
  readonly reply: Reply;

  constructor(refusal: Reply) {
    super('the content has no end');
    this.reply = refusal;
  }
}

export interface IntakeSource {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly limits: PaceLimits & { readonly messageSize: number };
  /** What was read along with the last command stands here. */
  readonly lines: LineSplitter;
  /** The next chunk; `null` when the client has gone, `undefined` when the server began to drain instead. */
  read(): Promise<Uint8Array | null | undefined>;
}

/** Times the largest message, and octets at least: a client that never heard of SIZE may send some in vain. */
const ENDLESS = 4;
const ENDLESS_AT_LEAST = 1_048_576;

export class Intake {
  readonly #source: IntakeSource;
  /** How the content in hand has come so far: BDAT brings it in chunks, and single octets must not begin anew with each. */
  #pace: { readonly of: Content | undefined; readonly pace: Pace } | undefined;

  constructor(source: IntakeSource) {
    this.#source = source;
  }

  /** False when the client went away in the middle of its message. */
  async toDot(content: Content): Promise<boolean> {
    const { connection, clock, limits, lines } = this.#source;
    const pace = new Pace(connection, clock, limits);
    try {
      for (;;) {
        const chunk = lines.pending > 0 ? lines.take(Number.POSITIVE_INFINITY) : await this.#more(pace);
        if (chunk === null) return false;
        pace.received(chunk.length);
        this.#hasEnd(pace, content.failure);
        const pressure = content.push(chunk);
        if (pressure !== undefined) await pressure;
        if (!content.done) continue;
        if (content.rest.length > 0) lines.push(content.rest);
        return true;
      }
    } finally {
      if (!content.done) content.abort();
    }
  }

  /** Into `content`, or away. At once when all is here and nothing presses back: so pipelined messages of our own MTA come. */
  octets(octets: number, content: Content | undefined): boolean | Promise<boolean> {
    const { lines } = this.#source;
    const pace = this.#paceOf(content);
    if (!pace.resume()) throw new ConnectionClosed('deadline');
    if (lines.pending < octets) return this.#slowly(octets, content, pace);
    const taken = lines.take(octets);
    pace.received(octets);
    const pressure = octets > 0 ? content?.push(taken) : undefined;
    return pressure === undefined || pressure.then(() => true);
  }

  async #slowly(octets: number, content: Content | undefined, pace: Pace): Promise<boolean> {
    const { lines } = this.#source;
    let left = octets;
    while (left > 0) {
      if (lines.pending === 0) {
        const chunk = await this.#more(pace);
        if (chunk === null) return false;
        lines.push(chunk);
      }
      const taken = lines.take(left);
      left -= taken.length;
      pace.received(taken.length);
      this.#hasEnd(pace, content?.failure);
      await content?.push(taken);
    }
    return true;
  }

  #hasEnd(pace: Pace, failure: Reply | undefined): void {
    const { messageSize } = this.#source.limits;
    if (pace.octets > Math.max(ENDLESS * messageSize, ENDLESS_AT_LEAST))
      throw new EndlessContent(failure ?? reply(552, '3.4', tooLarge(messageSize)));
  }

  async #more(pace: Pace): Promise<Uint8Array | null> {
    if (this.#source.connection.buffered === 0) pace.expect();
    for (;;) {
      const chunk = await this.#source.read();
      // Draining: this message is still taken.
      if (chunk !== undefined) return chunk;
    }
  }

  #paceOf(content: Content | undefined): Pace {
    if (content !== undefined && this.#pace?.of === content) return this.#pace.pace;
    const { connection, clock, limits } = this.#source;
    const pace = new Pace(connection, clock, limits);
    this.#pace = { of: content, pace };
    return pace;
  }
}
