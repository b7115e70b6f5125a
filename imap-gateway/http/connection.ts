/** One connection: what it has in hand, how it ends, and how it stands in `status`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock, Log } from '#runtime/ambient.ts';
import type { Coordination, Lease, SessionInfo } from '#runtime/coordination.ts';
import { type Pace, Patience } from './patience.ts';

/** Most connections bring one request and go: those that last are shown. */
const SHOWN_AFTER_MS = 2_000;
/** Requests sent before their predecessors are answered: hardly anybody does that, and a hundred thousand of them would fill the memory. */
const MOST_IN_HAND = 100;

export class HttpConnection {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  readonly #patience: Patience;
  readonly #rooms: { readonly clock: Clock; readonly coordination: Coordination; readonly log: Log };
  #info: SessionInfo;
  #lease: Lease | undefined;
  #shown = false;
  readonly #inHand = new Set<ServerResponse>();
  #draining = false;
  #patient = false;

  constructor(
    socket: Socket,
    session: Omit<SessionInfo, 'program'>,
    pace: Pace,
    rooms: { readonly clock: Clock; readonly coordination: Coordination; readonly log: Log },
  ) {
    this.socket = socket;
    this.#info = { ...session, program: 'imap-gateway' };
    this.#rooms = rooms;
    this.#patience = new Patience(rooms.clock, socket, pace);
    const cancel = rooms.clock.after(SHOWN_AFTER_MS, () => {
      this.#shown = true;
      this.#show();
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        cancel();
        this.#lease?.release();
        resolve();
      });
    });
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    this.#inHand.add(response);
    if (this.#inHand.size > MOST_IN_HAND) this.socket.destroy();
    if (this.#draining) response.shouldKeepAlive = false;
    this.#patience.serve(request, response);
    response.once('close', () => {
      this.#inHand.delete(response);
      // Whose answer had gone out before the drain began thinks that the connection stays, and may be asking again: that is answered, and says that it ends.
      if (this.#draining && !this.#patient) this.#endWhenDone();
    });
  }

  /** A request proved to come from this account: the last word of several is shown. */
  loggedIn(address: string): void {
    if (this.#info.login === address) return;
    this.#info = { ...this.#info, login: address };
    if (this.#shown) this.#show();
  }

  /** No request after those in hand; an idle connection gets one more where it is `patient`. */
  drain(patient: boolean): void {
    this.#draining = true;
    this.#patient = patient;
    for (const response of this.#inHand) response.shouldKeepAlive = false;
    if (!patient) this.#endWhenDone();
  }

  #endWhenDone(): void {
    if (this.#inHand.size === 0) this.socket.end();
  }

  #show(): void {
    const { coordination, log } = this.#rooms;
    coordination
      .session(this.#info, () => this.socket.destroy())
      .then(
        (lease) => {
          this.#lease?.release();
          this.#lease = lease;
          if (this.socket.destroyed) lease.release();
        },
        (error: unknown) => log.warn({ session: this.#info.id, err: error }, 'a session could not be registered'),
      );
  }
}
