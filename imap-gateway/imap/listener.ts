/** IMAP sockets (143 with STARTTLS, 993 with TLS from the first byte): each becomes a session of the driver. */
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { networkMatcher, networkOf } from '#runtime/address.ts';
import { ConnectionClosed } from '#runtime/connection.ts';
import type { Coordination, Lease, SessionInfo } from '#runtime/coordination.ts';
import type { Metrics } from '#runtime/metrics/metrics.ts';
import { SocketConnection } from '#runtime/socket-connection.ts';
import type { ImapServices } from './command.ts';
import { commandTable } from './commands/table.ts';
import { serveConnection } from './driver.ts';
import { commandCounter } from './figures.ts';

export interface ImapListenerRooms {
  readonly coordination: Coordination;
  /** Asked at each handshake; absent where there is no certificate. */
  readonly secureContext?: () => SecureContext;
  readonly metrics?: Metrics;
}

export interface ImapListenerSettings {
  readonly services: ImapServices;
  readonly connectionsPerAddress: number;
  /** `login.channel-binding` of the configuration. */
  readonly channelBinding: boolean;
  readonly exemptNetworks: readonly string[];
}

const HANDSHAKE_MS = 30_000;
/** The part of a drain in which clients are told; the rest is for what they have in hand. */
const FAREWELLS = 0.8;
const NO_PLACE = '* BYE [LIMIT] Too many connections from your address\r\n';

export class ImapListener {
  readonly #rooms: ImapListenerRooms;
  readonly #sessions = new Map<SocketConnection, Promise<void>>();
  readonly #answered: ReturnType<typeof commandCounter> | undefined;
  #settings: ImapListenerSettings;
  #isExempt: (address: string) => boolean;
  #draining = false;

  constructor(rooms: ImapListenerRooms, settings: ImapListenerSettings) {
    this.#rooms = rooms;
    this.#answered = rooms.metrics && commandCounter(rooms.metrics);
    this.#settings = settings;
    this.#isExempt = networkMatcher(settings.exemptNetworks);
  }

  /** For connections that begin from now on. */
  configure(settings: ImapListenerSettings): void {
    this.#settings = settings;
    this.#isExempt = networkMatcher(settings.exemptNetworks);
  }

  accept(protocol: 'imap' | 'imaps', socket: Socket): void {
    const { clock, random } = this.#settings.services;
    const { secureContext } = this.#rooms;
    const connection = new SocketConnection(socket, { clock, random, ...(secureContext && { secureContext }) });
    const session = this.#serve(protocol, connection).finally(() => this.#sessions.delete(connection));
    this.#sessions.set(connection, session);
    // Dealt to us before the drain began: its session is served like the others that are here.
    if (this.#draining) connection.drain();
  }

  /**
   * Commands in hand are finished, then sessions end with BYE; what lasts longer is cut off. Where another worker has taken our place already, the
   * farewells are spread over the time, so that clients don't all come back in one moment. A second call shortens the first.
   */
  async drain(deadlineMs: number, replaced: boolean): Promise<void> {
    const { clock } = this.#settings.services;
    this.#draining = true;
    const connections = [...this.#sessions.keys()];
    const step = replaced ? (deadlineMs * FAREWELLS) / connections.length : 0;
    const cancels = connections.map((connection, i) => {
      if (step > 0) return clock.after(step * i, () => connection.drain());
      connection.drain();
      return () => undefined;
    });
    cancels.push(
      clock.after(deadlineMs, () => {
        for (const connection of this.#sessions.keys()) connection.destroy();
      }),
    );
    await Promise.all(this.#sessions.values());
    for (const cancel of cancels) cancel();
  }

  async #serve(protocol: 'imap' | 'imaps', connection: SocketConnection): Promise<void> {
    const { services } = this.#settings;
    const log = services.log.child({ protocol });
    const registration = this.#register(protocol, connection);
    let place: Lease | undefined;
    try {
      // Before the handshake, or whoever never begins it would hold any number of connections.
      place = await this.#takePlace(connection);
      if (place === undefined) {
        this.#rooms.metrics?.counter('limit_hits_total', { program: 'imap-gateway', limit: 'connections' }).add();
        if (protocol === 'imaps') return connection.destroy();
        await connection.write(NO_PLACE);
        return await connection.end();
      }
      if (protocol === 'imaps') await connection.implicitTls(HANDSHAKE_MS);
      const canStartTls = this.#rooms.secureContext !== undefined;
      await serveConnection(connection, {
        services,
        table: commandTable,
        canStartTls,
        channelBinding: this.#settings.channelBinding,
        log,
        loggedIn: (login) => registration.loggedIn(login.address),
        ...(this.#answered && { answered: this.#answered }),
      });
    } catch (error) {
      // A failed handshake, mostly; sessions keep their own trouble to themselves.
      if (!(error instanceof ConnectionClosed)) log.error({ session: connection.id, error }, 'a connection failed');
      connection.destroy();
    } finally {
      place?.release();
      registration.end();
    }
  }

  /** Where coordination can't be asked, nobody is turned away. */
  async #takePlace(connection: SocketConnection): Promise<Lease | undefined> {
    const { remote } = connection;
    const free: Lease = { release: () => undefined };
    if (remote === 'unix' || this.#isExempt(remote.address)) return free;
    const { connectionsPerAddress, services } = this.#settings;
    return this.#rooms.coordination
      .acquire(`imap-connections:${networkOf(remote.address)}`, connectionsPerAddress)
      .catch((error: unknown) => {
        services.log.warn({ session: connection.id, error }, 'a limit could not be checked');
        return free;
      });
  }

  /** Shows the session in `status`, as soon as coordination hears of it; nobody waits for that. */
  #register(protocol: string, connection: SocketConnection): { loggedIn(address: string): void; end(): void } {
    const { clock, log } = this.#settings.services;
    const { id, remote } = connection;
    const address = remote === 'unix' ? remote : remote.address;
    const info: SessionInfo = { id, program: 'imap-gateway', protocol, remote: address, since: clock.now() };
    let ended = false;
    let lease: Lease | undefined;
    const tell = (told: SessionInfo): void => {
      this.#rooms.coordination.session(told).then(
        (made) => {
          lease?.release();
          lease = made;
          if (ended) made.release();
        },
        (error: unknown) => log.warn({ session: id, error }, 'a session could not be registered'),
      );
    };
    tell(info);
    return {
      loggedIn: (login) => tell({ ...info, login }),
      end() {
        ended = true;
        lease?.release();
      },
    };
  }
}
