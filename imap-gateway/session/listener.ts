/** Sockets of a line protocol in two guises, with TLS by command and with TLS from the first byte: places, TLS, drain, and who is shown in `status`. */
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { networkMatcher, networkOf } from '#runtime/address.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import { type Connection, ConnectionClosed } from '#runtime/connection.ts';
import type { Coordination, Lease, SessionInfo } from '#runtime/coordination.ts';
import type { Metrics } from '#runtime/metrics/metrics.ts';
import { SocketConnection } from '#runtime/socket-connection.ts';
import type { Login } from '#store/directory.ts';
import type { AccountId } from '#store/types.ts';

export interface ListenerRooms {
  readonly coordination: Coordination;
  /** Asked at each handshake; absent where there is no certificate. */
  readonly secureContext?: () => SecureContext;
  readonly metrics?: Metrics;
  /** Asked once a session can be ended by name: its account may have been suspended just before. Without it everybody may. */
  readonly mayStay?: (account: AccountId) => Promise<boolean>;
}

export interface ListenerSettings<Services> {
  readonly services: Services;
  readonly connectionsPerAddress: number;
  /** `login.channel-binding` of the configuration. */
  readonly channelBinding: boolean;
  readonly exemptNetworks: readonly string[];
}

/** What the listener tells the driver of a connection. */
export interface Reception {
  readonly log: Log;
  /** A certificate is there, so that TLS can be offered. */
  readonly canStartTls: boolean;
  /** Offer SCRAM-SHA-256-PLUS. */
  readonly channelBinding: boolean;
  /** To be called when somebody logs in. */
  readonly loggedIn: (login: Login) => void;
}

/** What is a protocol's own. */
export interface LineProtocol<Name extends string, Services> {
  readonly clear: Name;
  /** With TLS from the first byte. */
  readonly implicit: Name;
  /** Said to one connection too many from an address, where that can be said in the clear. */
  readonly noPlace: string;
  /** Serves a connection until it is over. */
  serve(connection: Connection, services: Services, reception: Reception): Promise<void>;
}

interface Ambient {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Longer than a client takes to ask for its first mailbox; for so long a session can't be ended by name. */
const SHOWN_AFTER_MS = 20;
const HANDSHAKE_MS = 30_000;
/** The part of a drain in which clients are told; the rest is for what they have in hand. */
const FAREWELLS = 0.8;

export class SessionListener<Name extends string, Services extends Ambient> {
  readonly #rooms: ListenerRooms;
  readonly #protocol: LineProtocol<Name, Services>;
  readonly #sessions = new Map<SocketConnection, Promise<void>>();
  #settings: ListenerSettings<Services>;
  #isExempt: (address: string) => boolean;
  #draining = false;

  constructor(rooms: ListenerRooms, protocol: LineProtocol<Name, Services>, settings: ListenerSettings<Services>) {
    this.#rooms = rooms;
    this.#protocol = protocol;
    this.#settings = settings;
    this.#isExempt = networkMatcher(settings.exemptNetworks);
  }

  /** For connections that begin from now on. */
  configure(settings: ListenerSettings<Services>): void {
    this.#settings = settings;
    this.#isExempt = networkMatcher(settings.exemptNetworks);
  }

  accept(name: Name, socket: Socket): void {
    const { clock, random } = this.#settings.services;
    const { secureContext } = this.#rooms;
    const connection = new SocketConnection(socket, { clock, random, ...(secureContext && { secureContext }) });
    const session = this.#serve(name, connection).finally(() => this.#sessions.delete(connection));
    this.#sessions.set(connection, session);
    // Dealt to us before the drain began: its session is served like the others that are here.
    if (this.#draining) connection.drain();
  }

  /**
   * Commands in hand are finished, then sessions end; what lasts longer is cut off. Where another worker has taken our place already, the
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

  async #serve(name: Name, connection: SocketConnection): Promise<void> {
    const { services, channelBinding } = this.#settings;
    const protocol = this.#protocol;
    const implicit = name === protocol.implicit;
    const log = services.log.child({ protocol: name });
    const registration = this.#register(name, connection);
    let place: Lease | undefined;
    try {
      // Before the handshake, or whoever never begins it would hold any number of connections.
      place = await this.#takePlace(connection);
      if (place === undefined) {
        this.#rooms.metrics?.counter('limit_hits_total', { program: 'imap-gateway', limit: 'connections' }).add();
        if (implicit) return connection.destroy();
        await connection.write(protocol.noPlace);
        return await connection.end();
      }
      if (implicit) await connection.implicitTls(HANDSHAKE_MS);
      const canStartTls = this.#rooms.secureContext !== undefined;
      const loggedIn = (login: Login): void => registration.loggedIn(login);
      await protocol.serve(connection, services, { log, canStartTls, channelBinding, loggedIn });
    } catch (error) {
      // A failed handshake, mostly; sessions keep their own trouble to themselves.
      if (!(error instanceof ConnectionClosed))
        log.error({ session: connection.id, err: error }, 'a connection failed');
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
      .acquire(`${this.#protocol.clear}-connections:${networkOf(remote.address)}`, connectionsPerAddress)
      .catch((error: unknown) => {
        services.log.warn({ session: connection.id, err: error }, 'a limit could not be checked');
        return free;
      });
  }

  /**
   * Shows the session in `status`, a moment after it has begun and after somebody has logged in: nobody waits for that, but whoever is asked for something
   * meanwhile would, behind the messages to coordination and its answers. Of a session that is over by then nothing is told.
   */
  #register(protocol: string, connection: SocketConnection): { loggedIn(login: Login): void; end(): void } {
    const { clock, log } = this.#settings.services;
    const { id, remote } = connection;
    const address = remote === 'unix' ? remote : remote.address;
    let info: SessionInfo = { id, program: 'imap-gateway', protocol, remote: address, since: clock.now() };
    let who: Login | undefined;
    let ended = false;
    let lease: Lease | undefined;
    let cancel: (() => void) | undefined;
    const tell = (): void => {
      cancel = undefined;
      this.#rooms.coordination
        .session(info, () => connection.drain())
        .then(
          (made) => {
            lease?.release();
            lease = made;
            if (ended) made.release();
            else if (who !== undefined) return this.#sendAway(who, connection);
            return undefined;
          },
          (error: unknown) => log.warn({ session: id, err: error }, 'a session could not be registered'),
        );
    };
    cancel = clock.after(SHOWN_AFTER_MS, tell);
    return {
      loggedIn(login) {
        who = login;
        info = { ...info, login: login.address };
        cancel ??= clock.after(SHOWN_AFTER_MS, tell);
      },
      end() {
        ended = true;
        cancel?.();
        lease?.release();
      },
    };
  }

  /** Whoever may not be here any more, and was not to be found when others of the account were ended. */
  async #sendAway({ account }: Login, connection: SocketConnection): Promise<void> {
    const { log } = this.#settings.services;
    try {
      if ((await this.#rooms.mayStay?.(account)) === false) connection.drain();
    } catch (err) {
      log.warn({ session: connection.id, account, err }, 'who logged in could not be looked at again');
    }
  }
}
