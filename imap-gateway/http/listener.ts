/** HTTP sockets (80 in the clear, 443 with TLS from the first octet): each connection that we are dealt goes to one server of `node:http`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { canonicalAddress, networkMatcher, networkOf } from '#runtime/address.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import type { Coordination, Lease } from '#runtime/coordination.ts';
import type { Metrics } from '#runtime/metrics/metrics.ts';
import { shortId } from '#runtime/socket-connection.ts';
import { HttpConnection } from './connection.ts';
import { type DispatchSettings, dispatch } from './dispatch.ts';
import type { Examine } from './exchange.ts';
import { requestFigures } from './figures.ts';
import type { Pace } from './patience.ts';
import { secure } from './secure.ts';

export interface HttpListenerRooms {
  readonly coordination: Coordination;
  /** Asked at each handshake. */
  readonly secureContext: () => SecureContext;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface HttpListenerSettings extends DispatchSettings, Pace {
  readonly examine: Examine;
  readonly connectionsPerAddress: number;
  /** Networks without a limit of connections: those of the configuration, and the proxies that are trusted. */
  readonly exemptNetworks: readonly string[];
}

const HANDSHAKE_MS = 30_000;
/** How long idle connections may wait for a last request when another worker is there. */
const PATIENT_MS = 10_000;
const HEADER_OCTETS = 16_384;
const HEADER_FIELDS = 100;

export class HttpListener {
  readonly #rooms: HttpListenerRooms;
  readonly #server: Server;
  readonly #connections = new Map<Socket, HttpConnection>();
  /** Before their first request: the place, the handshake. */
  readonly #arriving = new Set<Promise<void>>();
  readonly #count: ReturnType<typeof requestFigures>;
  #settings: HttpListenerSettings;
  #isExempt: (address: string) => boolean;
  #draining = false;

  constructor(rooms: HttpListenerRooms, settings: HttpListenerSettings) {
    this.#rooms = rooms;
    this.#settings = settings;
    this.#isExempt = networkMatcher(settings.exemptNetworks);
    this.#count = requestFigures(rooms.metrics, rooms.clock);
    this.#server = createServer({ maxHeaderSize: HEADER_OCTETS }, (request, response) =>
      this.#serve(request, response),
    );
    this.#server.maxHeadersCount = HEADER_FIELDS;
    // Each connection has its own timer (patience.ts).
    this.#server.keepAliveTimeout = 0;
    this.#server.timeout = 0;
    // Who has sent everything and closes that half still waits for the answer.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
  }

  /** For requests that begin from now on. */
  configure(settings: HttpListenerSettings): void {
    this.#settings = settings;
    this.#isExempt = networkMatcher(settings.exemptNetworks);
  }

  accept(protocol: 'http' | 'https', socket: Socket): void {
    const arrival = this.#admit(protocol, socket)
      .catch((error: unknown) => {
        this.#rooms.log.error({ protocol, err: error }, 'a connection failed');
        socket.destroy();
      })
      .finally(() => this.#arriving.delete(arrival));
    this.#arriving.add(arrival);
  }

  /**
   * Requests in hand are finished; what lasts longer is cut off. Idle connections end at once, or, where another worker has taken our place already, with their
   * next answer: so no request runs into a connection that just closes. A second call shortens the first.
   */
  async drain(deadlineMs: number, replaced = false): Promise<void> {
    this.#draining = true;
    const { clock } = this.#rooms;
    for (const connection of this.#connections.values()) connection.drain(replaced);
    const cancels = [
      clock.after(Math.min(PATIENT_MS, deadlineMs / 2), () => {
        for (const connection of this.#connections.values()) connection.drain(false);
      }),
      clock.after(deadlineMs, () => {
        for (const { socket } of this.#connections.values()) socket.destroy();
      }),
    ];
    // Those too that were dealt to us before the drain began, and come into being only now.
    while (this.#arriving.size + this.#connections.size > 0) {
      await Promise.all([...this.#arriving, ...[...this.#connections.values()].map(({ closed }) => closed)]);
    }
    for (const cancel of cancels) cancel();
  }

  async #admit(protocol: 'http' | 'https', raw: Socket): Promise<void> {
    const { clock, random, coordination, log } = this.#rooms;
    // A reset before anybody else listens.
    raw.on('error', () => undefined);
    const place = await this.#takePlace(raw);
    if (place === undefined) {
      this.#rooms.metrics.counter('limit_hits_total', { program: 'imap-gateway', limit: 'connections' }).add();
      raw.destroy();
      return;
    }
    raw.once('close', () => place.release());
    if (raw.destroyed) return place.release();
    raw.setNoDelay(true);
    raw.allowHalfOpen = true;
    const socket = protocol === 'https' ? await this.#secured(raw) : raw;
    if (socket === undefined || socket.destroyed) return;
    const session = { id: shortId(random), protocol, remote: addressOf(raw), since: clock.now() };
    const connection = new HttpConnection(socket, session, this.#settings, { clock, coordination, log });
    this.#connections.set(socket, connection);
    socket.once('close', () => this.#connections.delete(socket));
    this.#server.emit('connection', socket);
    socket.resume();
    if (this.#draining) connection.drain(true);
  }

  #secured(raw: Socket): Promise<Socket | undefined> {
    const cancel = this.#rooms.clock.after(HANDSHAKE_MS, () => raw.destroy());
    return secure(raw, this.#rooms.secureContext()).finally(cancel);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket);
    const exchange = this.#settings.examine(request, (address) => connection?.loggedIn(address));
    connection?.serve(request, response);
    const count = this.#count(request, response);
    const { log } = this.#rooms;
    const handler = dispatch(this.#settings, request, response, exchange, log);
    count(handler, (ms) => {
      const { id, remote, path } = exchange;
      const fields = { request: id, remote, handler, method: request.method, path, status: response.statusCode, ms };
      log.debug(fields, 'a request was answered');
    });
  }

  /** Where coordination can't be asked, nobody is turned away. */
  async #takePlace(raw: Socket): Promise<Lease | undefined> {
    const remote = addressOf(raw);
    const free: Lease = { release: () => undefined };
    if (remote === 'unix' || this.#isExempt(remote)) return free;
    return this.#rooms.coordination
      .acquire(`http-connections:${networkOf(remote)}`, this.#settings.connectionsPerAddress)
      .catch((error: unknown) => {
        this.#rooms.log.warn({ err: error }, 'a limit could not be checked');
        return free;
      });
  }
}

function addressOf({ remoteAddress }: Socket): string {
  return remoteAddress === undefined ? 'unix' : canonicalAddress(remoteAddress);
}
