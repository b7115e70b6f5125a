/** Two ends of a connection in memory, for session tests: no sockets, no real TLS, the same rules as `socket-connection.ts`. */
import type { Clock } from '#runtime/ambient.ts';
import { type Connection, ConnectionClosed, type TlsInfo } from '#runtime/connection.ts';
import { ReadQueue } from '#runtime/read-queue.ts';
import { FakeClock } from './clock.ts';

const HIGH_WATER = 65_536;

export interface PairOptions {
  readonly clock?: Clock;
  /** The client's address as the server sees it; `unix` for a Unix socket. */
  readonly remote?: Connection['remote'];
  readonly local?: Connection['local'];
  /** Both ends start as if TLS had been negotiated. */
  readonly tls?: boolean;
}

export interface ConnectionPair {
  readonly server: MemoryConnection;
  readonly client: MemoryConnection;
}

export function connectionPair(options: PairOptions = {}): ConnectionPair {
  const clock = options.clock ?? new FakeClock();
  const remote = options.remote ?? { address: '192.0.2.1', port: 40_000 };
  const local = options.local ?? (remote === 'unix' ? 'unix' : { address: '192.0.2.25', port: 25 });
  const server = new MemoryConnection('server', clock, remote, local);
  const client = new MemoryConnection('client', clock, local, remote);
  server.join(client);
  client.join(server);
  if (options.tls === true) server.setTls();
  return { server, client };
}

export class MemoryConnection implements Connection {
  readonly id: string;
  readonly remote: Connection['remote'];
  readonly local: Connection['local'];
  readonly loopback: boolean;
  tls: TlsInfo | undefined;

  readonly #clock: Clock;
  readonly #queue = new ReadQueue();
  readonly #abort = new AbortController();
  #peer: MemoryConnection | undefined;
  #held: Uint8Array[] | undefined;
  #expired = false;
  #ended = false;
  #failure: ConnectionClosed | undefined;
  #cancelDeadline: (() => void) | undefined;
  #writers: { resolve(): void; reject(error: ConnectionClosed): void }[] = [];

  constructor(id: string, clock: Clock, remote: Connection['remote'], local: Connection['local']) {
    this.id = id;
    this.#clock = clock;
    this.remote = remote;
    this.local = local;
    this.loopback = remote === 'unix' || remote.address === '::1' || remote.address.startsWith('127.');
  }

  join(peer: MemoryConnection): void {
    this.#peer = peer;
  }

  setTls(): void {
    const info: TlsInfo = {
      protocol: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      exporter: () => new Uint8Array(32).fill(7),
    };
    this.tls = info;
    if (this.#peer !== undefined) this.#peer.tls = info;
  }

  get buffered(): number {
    return this.#queue.size;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#expired) throw new ConnectionClosed('deadline');
    const chunk = this.#queue.read();
    if (this.#queue.size < HIGH_WATER) this.#peer?.drained();
    return chunk;
  }

  async write(bytes: Uint8Array | string): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#expired) throw new ConnectionClosed('deadline');
    if (this.#ended) throw new ConnectionClosed('closed');
    const chunk = typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes);
    if (this.#held !== undefined) {
      this.#held.push(chunk);
      return;
    }
    this.#peer?.receive(chunk);
    if ((this.#peer?.buffered ?? 0) < HIGH_WATER) return;
    await new Promise<void>((resolve, reject) => this.#writers.push({ resolve, reject }));
  }

  cork(): void {
    this.#held ??= [];
  }

  /** What was written while corked arrives as one chunk. */
  uncork(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && held.length > 0) this.#peer?.receive(Buffer.concat(held));
  }

  async startTls(_timeoutMs: number): Promise<TlsInfo> {
    this.uncork();
    this.#queue.clear();
    this.setTls();
    if (this.tls === undefined) throw new ConnectionClosed('closed');
    return this.tls;
  }

  deadline(ms: number | undefined): void {
    this.#cancelDeadline?.();
    this.#expired = false;
    this.#cancelDeadline = ms === undefined ? undefined : this.#clock.after(ms, () => this.#expire());
  }

  drain(): void {
    const error = new ConnectionClosed('draining');
    this.#abort.abort(error);
    this.#queue.interrupt(error);
  }

  async end(): Promise<void> {
    if (this.#ended) return;
    this.uncork();
    this.#ended = true;
    this.#cancelDeadline?.();
    this.#peer?.finish();
  }

  destroy(): void {
    this.fail(new ConnectionClosed('closed'));
    this.#peer?.fail(new ConnectionClosed('closed'));
  }

  /** What the other end does to this one. */
  receive(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#queue.push(chunk);
  }

  finish(): void {
    this.#queue.end();
  }

  drained(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const writer of writers) writer.resolve();
  }

  fail(error: ConnectionClosed): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#cancelDeadline?.();
    this.#queue.fail(error);
    this.#rejectWriters(error);
    this.#abort.abort(error);
  }

  #expire(): void {
    this.#expired = true;
    const error = new ConnectionClosed('deadline');
    this.#queue.cancel(error);
    this.#rejectWriters(error);
  }

  #rejectWriters(error: ConnectionClosed): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const writer of writers) writer.reject(error);
  }
}
