/**
 * How long a connection may take for what it does. Node watches only over servers that listen themselves, and not over clients that read slowly; here
 * each connection has one timer, and what it is for changes with what the connection does.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '#runtime/ambient.ts';

/** To the end of the first head, and from an answer to the end of the next one: absolute, however the octets drip. */
const HEAD_MS = 30_000;
const IDLE_MS = 75_000;
/** How often a transfer is looked at, and how long an answer may stand still because its client doesn't read. */
const LOOK_MS = 15_000;
const UNREAD_MS = 300_000;
/** For the rest of a body that nobody wants any more: the client reads why only when it has sent. */
const UNWANTED_MS = 5_000;

export interface Pace {
  /** Octets a second below which the sender of a body is cut off. */
  readonly minimumRate: number;
  /** Milliseconds for a whole body. */
  readonly contentTimeout: number;
}

export class Patience {
  readonly #clock: Clock;
  readonly #socket: Socket;
  readonly #pace: Pace;
  /** One timer, set anew only where it would come too late: each request moves the deadline twice. */
  #cancel: () => void = () => undefined;
  #alarm = Number.POSITIVE_INFINITY;
  #due = 0;
  #then: () => void = () => undefined;

  /** Begins to wait for the first head. */
  constructor(clock: Clock, socket: Socket, pace: Pace) {
    this.#clock = clock;
    this.#socket = socket;
    this.#pace = pace;
    this.#arm(HEAD_MS, () => socket.destroy());
    socket.once('close', () => this.#cancel());
  }

  /** A request began. */
  serve(request: IncomingMessage, response: ServerResponse): void {
    const began = this.#clock.now();
    const socket = this.#socket;
    let { bytesRead, bytesWritten } = socket;
    let unread = 0;
    const look = (): void => {
      // What stands unread in our hands is not the client's slowness.
      const sending = !request.complete && request.readableLength === 0;
      const slow = socket.bytesRead - bytesRead < (this.#pace.minimumRate * LOOK_MS) / 1_000;
      const late = !request.complete && this.#clock.now() - began > this.#pace.contentTimeout;
      // More is written only when the client has taken some.
      const stuck = socket.writableLength > 0 && socket.bytesWritten === bytesWritten;
      unread = stuck ? unread + LOOK_MS : 0;
      if ((sending && slow) || late || unread >= UNREAD_MS) {
        socket.destroy();
        return;
      }
      ({ bytesRead, bytesWritten } = socket);
      this.#arm(LOOK_MS, look);
    };
    this.#arm(LOOK_MS, look);
    response.once('finish', () => {
      if (request.complete) this.#rest();
      else this.#arm(UNWANTED_MS, () => (request.complete ? this.#rest() : socket.destroy()));
    });
  }

  #rest(): void {
    this.#arm(IDLE_MS, () => this.#socket.destroy());
  }

  #arm(ms: number, then: () => void): void {
    this.#due = this.#clock.now() + ms;
    this.#then = then;
    if (this.#alarm > this.#due) this.#set(ms);
  }

  #set(ms: number): void {
    this.#cancel();
    this.#alarm = this.#clock.now() + ms;
    this.#cancel = this.#clock.after(ms, () => {
      this.#alarm = Number.POSITIVE_INFINITY;
      const left = this.#due - this.#clock.now();
      // No more than is ever waited for, also where the clock was set back.
      if (left > 0) this.#set(Math.min(left, HEAD_MS));
      else this.#then();
    });
  }
}
