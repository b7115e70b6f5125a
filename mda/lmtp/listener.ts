/** LMTP sockets, Unix and TCP: each becomes a session of the shared engine. */
import type { Socket } from 'node:net';
import type { Config } from '#config/config.ts';
import { reply } from '#mail/smtp/reply.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import { RECEIVER_DEFAULTS, receive } from '#runtime/smtp/receiver.ts';
import { SocketConnection } from '#runtime/socket-connection.ts';
import { lmtpCommands } from './commands.ts';
import type { LmtpRooms } from './session.ts';

export interface LmtpListenerRooms extends Omit<LmtpRooms, 'limits' | 'hostname'> {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The MTA puts a trace field on top of what it accepted: a message at its limit must still fit here. */
const TRACE_ALLOWANCE = 65_536;

export class LmtpListener {
  readonly #rooms: LmtpListenerRooms;
  readonly #sessions = new Map<SocketConnection, Promise<void>>();
  #config: Config;
  #draining = false;

  constructor(rooms: LmtpListenerRooms, config: Config) {
    this.#rooms = rooms;
    this.#config = config;
  }

  /** For sessions that begin from now on. */
  configure(config: Config): void {
    this.#config = config;
  }

  accept(socket: Socket): void {
    const connection = new SocketConnection(socket, this.#rooms);
    const session = this.#serve(connection).finally(() => this.#sessions.delete(connection));
    this.#sessions.set(connection, session);
    if (this.#draining) connection.drain();
  }

  /** Messages in hand are finished, then sessions end with 421; what lasts longer is cut off. */
  async drain(deadlineMs: number): Promise<void> {
    this.#draining = true;
    for (const connection of this.#sessions.keys()) connection.drain();
    const cancel = this.#rooms.clock.after(deadlineMs, () => {
      for (const connection of this.#sessions.keys()) connection.destroy();
    });
    await Promise.all(this.#sessions.values());
    cancel();
  }

  #serve(connection: SocketConnection): Promise<void> {
    const { hostname, limits } = this.#config;
    const messageSize = limits.messageSize + TRACE_ALLOWANCE;
    const rooms: LmtpRooms = { ...this.#rooms, hostname, limits: { messageSize, recipients: limits.recipients } };
    return receive({
      connection,
      commands: lmtpCommands(rooms, connection.id),
      greeting: () => reply(220, undefined, `${hostname} LMTP Peerpost`),
      greetingPause: 0,
      limits: {
        ...RECEIVER_DEFAULTS,
        // An MTA that passes on what strangers send is not to blame for their mistakes.
        slowAfterErrors: Number.POSITIVE_INFINITY,
        dropAfterErrors: Number.POSITIVE_INFINITY,
        idleCommands: Number.POSITIVE_INFINITY,
        deferrals: Number.POSITIVE_INFINITY,
        commandTimeout: limits.commandTimeout,
        contentTimeout: limits.contentTimeout,
        minimumRate: limits.minimumRate,
        messageSize,
        lineLength: limits.lineLength,
      },
      clock: this.#rooms.clock,
      log: this.#rooms.log.child({ session: connection.id }),
    });
  }
}
