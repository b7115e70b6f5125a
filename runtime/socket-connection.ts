/**
 * `Connection` over a TCP, Unix or TLS socket. Bytes flow only after the first `read`, and stop while 64 KB lie unread.
 * Afterwards: a deadline fails reads and writes until `deadline` is called anew (so a goodbye can be sent); draining fails one read and
 * aborts `signal`, and leaves the connection usable (so what is in hand can be finished).
 */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket, type ConnectionOptions as TlsOptions, connect as tlsConnect } from 'node:tls';
import { canonicalAddress, isLoopback } from './address.ts';
import type { Clock, Random } from './ambient.ts';
import { type Connection, ConnectionClosed, TAKEN, type TlsInfo } from './connection.ts';
import { Deadline } from './deadline.ts';
import { ReadQueue } from './read-queue.ts';

/** Unread octets at which the socket is told to stop. */
const HIGH_WATER = 65_536;
/** How long `end` waits for the peer to take the last bytes, and then for it to close its side. */
const FLUSH_MS = 30_000;
const LINGER_MS = 2_000;

export interface SocketConnectionOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Asked at each handshake, because certificates are replaced while running. Without it `startTls` and `implicitTls` fail. */
  readonly secureContext?: () => SecureContext;
}

type Peer = Connection['remote'];

export class SocketConnection implements Connection {
  readonly id: string;
  readonly remote: Peer;
  readonly local: Peer;
  readonly loopback: boolean;
  /** Resolves when the socket is gone, however that came. */
  readonly closed: Promise<void>;

  readonly #options: SocketConnectionOptions;
  readonly #abort = new AbortController();
  #socket: Socket;
  #queue = new ReadQueue();
  #tls: TlsInfo | undefined;
  #flowing = false;
  #corked = false;
  /** Written in this turn and not yet passed to the socket's system call. */
  #gathering = false;
  #expired = false;
  #ending = false;
  #failure: ConnectionClosed | undefined;
  readonly #deadline: Deadline;
  /** How long the end may still take. */
  #cancelEnd: (() => void) | undefined;
  #writers = new Set<(error?: ConnectionClosed) => void>();
  #resolveClosed: () => void = () => undefined;

  constructor(socket: Socket, options: SocketConnectionOptions) {
    this.#options = options;
    this.#socket = socket;
    this.#deadline = new Deadline(options.clock, () => this.#expire());
    this.id = shortId(options.random);
    const unix = socket.remoteAddress === undefined && socket.localPort === undefined;
    this.remote = unix ? 'unix' : endpoint(socket.remoteAddress, socket.remotePort);
    this.local = unix ? 'unix' : endpoint(socket.localAddress, socket.localPort);
    this.loopback = this.remote === 'unix' || isLoopback(this.remote.address);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    if (!unix) socket.setNoDelay(true);
    this.#watch(socket);
  }

  get tls(): TlsInfo | undefined {
    return this.#tls;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get buffered(): number {
    return this.#queue.size + this.#socket.readableLength;
  }

  get queued(): number {
    return this.#socket.writableLength;
  }

  read(): Promise<Uint8Array | null> {
    if (this.#expired) return Promise.reject(new ConnectionClosed('deadline'));
    if (!this.#flowing) this.#flow();
    const pending = this.#queue.read();
    if (this.#queue.size < HIGH_WATER && this.#socket.isPaused()) this.#socket.resume();
    return pending;
  }

  write(bytes: Uint8Array | string, last = false): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#expired) return Promise.reject(new ConnectionClosed('deadline'));
    if (this.#ending) return Promise.reject(new ConnectionClosed('closed'));
    if (!last) this.#gather();
    const taken = this.#socket.write(bytes);
    if (last) this.#release();
    // The system may have taken at once what was more than the socket would hold.
    if (taken || this.#socket.writableLength === 0) return TAKEN;
    // A corked socket never drains: let it go, the group has outgrown one segment anyway.
    this.uncork();
    this.#release();
    if (!this.#socket.writableNeedDrain) return TAKEN;
    return this.#drained();
  }

  cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
  }

  uncork(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  async startTls(timeoutMs: number): Promise<TlsInfo> {
    // RFC 3207 §4.2: knowledge obtained before the handshake is discarded, above all commands that were sent along with STARTTLS.
    this.#discardClear();
    return this.implicitTls(timeoutMs);
  }

  /** TLS from the first byte, server side (RFC 8314 §3). */
  async implicitTls(timeoutMs: number): Promise<TlsInfo> {
    const context = this.#options.secureContext;
    if (context === undefined) throw new Error('no certificate was given to this connection');
    return this.#upgrade(
      timeoutMs,
      (socket) => new TLSSocket(socket, { isServer: true, secureContext: context() }),
      'secure',
    );
  }

  /** TLS as the client, at once or after the peer agreed to STARTTLS. The caller decides what is verified. */
  async startTlsAsClient(timeoutMs: number, options: TlsOptions): Promise<TlsInfo> {
    this.#discardClear();
    return this.#upgrade(timeoutMs, (socket) => tlsConnect({ ...options, socket }), 'secureConnect');
  }

  deadline(ms: number | undefined): void {
    this.#expired = false;
    if (this.#failure !== undefined) return;
    this.#deadline.set(ms);
  }

  /** The server wants to stop: tells the session through `signal` and by failing one read. */
  drain(): void {
    const error = new ConnectionClosed('draining');
    this.#abort.abort(error);
    this.#queue.interrupt(error);
  }

  async end(): Promise<void> {
    if (this.#failure !== undefined || this.#socket.destroyed) return;
    if (!this.#ending) {
      this.#ending = true;
      this.deadline(undefined);
      this.uncork();
      this.#cancelEnd = this.#options.clock.after(FLUSH_MS, () => this.destroy());
      this.#socket.end(() => this.#linger());
    }
    await this.#flushed();
  }

  destroy(): void {
    this.#release();
    this.#fail(new ConnectionClosed('closed'));
    this.#socket.destroy();
  }

  /**
   * What is written in one turn of the event loop leaves in one system call: replies to a group of commands, and messages of many clients to our own MDA. So
   * the more there is to do, the fewer times the other side is woken.
   */
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#socket.cork();
    setImmediate(() => this.#release());
  }

  #release(): void {
    if (!this.#gathering) return;
    this.#gathering = false;
    this.#socket.uncork();
  }

  #watch(socket: Socket): void {
    // A client may send everything, close its side and still wait for replies.
    socket.allowHalfOpen = true;
    socket.on('end', () => this.#queue.end());
    socket.on('drain', () => this.#wake());
    socket.on('error', (cause) => this.#fail(new ConnectionClosed('error', { cause })));
    socket.on('close', () => {
      if (socket !== this.#socket) return;
      this.#fail(new ConnectionClosed('closed'));
      this.#resolveClosed();
    });
  }

  #flow(): void {
    this.#flowing = true;
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => {
      this.#queue.push(chunk);
      if (this.#queue.size >= HIGH_WATER) socket.pause();
    });
    socket.resume();
  }

  /** Reads on and throws away, so that the kernel doesn't reset the connection and with it our last reply. */
  #linger(): void {
    if (this.#failure !== undefined) return;
    this.#socket.removeAllListeners('data');
    this.#socket.resume();
    this.#queue.clear();
    this.#cancelEnd?.();
    this.#cancelEnd = this.#options.clock.after(LINGER_MS, () => this.destroy());
    this.#wake();
  }

  async #flushed(): Promise<void> {
    while (this.#failure === undefined && this.#socket.writableLength > 0) {
      await this.#drained().catch((error: unknown) => {
        if (!(error instanceof ConnectionClosed)) throw error;
      });
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writers.add((error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  #wake(error?: ConnectionClosed): void {
    const writers = this.#writers;
    if (writers.size === 0) return;
    this.#writers = new Set();
    for (const writer of writers) writer(error);
  }

  #expire(): void {
    this.#expired = true;
    const error = new ConnectionClosed('deadline');
    this.#queue.cancel(error);
    this.#wake(error);
  }

  #fail(error: ConnectionClosed): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#deadline.cancel();
    this.#cancelEnd?.();
    this.#queue.fail(error);
    this.#wake(error);
    this.#abort.abort(error);
  }

  #discardClear(): void {
    const socket = this.#socket;
    socket.removeAllListeners('data');
    socket.pause();
    this.#queue.clear();
    while (socket.read() !== null);
  }

  async #upgrade(timeoutMs: number, wrap: (socket: Socket) => TLSSocket, event: string): Promise<TlsInfo> {
    if (this.#failure !== undefined) throw this.#failure;
    const raw = this.#socket;
    raw.removeAllListeners('data');
    raw.pause();
    this.uncork();
    this.#release();
    // Clear bytes that wait behind a slow peer would otherwise leave inside TLS.
    await within(this.#options.clock, timeoutMs, this.#flushed());
    if (this.#failure !== undefined) throw this.#failure;
    raw.removeAllListeners('end');
    raw.removeAllListeners('drain');
    // The end of a client that has gone already is known to the raw socket alone, if it has read it: TLS would wait for it in vain.
    if (raw.readableEnded) this.destroy();
    if (this.#failure !== undefined) throw this.#failure;
    raw.read(0);
    const secured = wrap(raw);
    const gone = (): void => void secured.destroy();
    raw.once('end', gone);
    this.#socket = secured;
    this.#flowing = false;
    this.#watch(secured);
    try {
      await within(this.#options.clock, timeoutMs, handshake(secured, event));
    } catch (error) {
      this.#fail(error instanceof ConnectionClosed ? error : new ConnectionClosed('error', { cause: error }));
      secured.destroy();
      throw this.#failure ?? error;
    }
    raw.off('end', gone);
    secured.disableRenegotiation();
    this.#tls = tlsInfo(secured);
    return this.#tls;
  }
}

function handshake(socket: TLSSocket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', reject);
    // Whoever closes its side now will never finish; without this the place is held until the timeout.
    for (const gone of ['end', 'close']) socket.once(gone, () => reject(new ConnectionClosed('closed')));
  });
}

function within(clock: Clock, ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => reject(new ConnectionClosed('deadline')));
    work.then(resolve, reject).finally(cancel);
  });
}

function tlsInfo(socket: TLSSocket): TlsInfo {
  const protocol = socket.getProtocol() ?? 'unknown';
  return {
    protocol,
    cipher: socket.getCipher().name,
    // RFC 9266 §4.2: below TLS 1.3 the exporter binds only with the extended master secret, which Node doesn't show.
    exporter: () =>
      protocol === 'TLSv1.3' ? socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)) : undefined,
  };
}

function endpoint(address: string | undefined, port: number | undefined): { address: string; port: number } {
  return { address: canonicalAddress(address ?? '0.0.0.0'), port: port ?? 0 };
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Ten letters, 50 bits: enough to find one session in the logs of a year. */
export function shortId(random: Random): string {
  let id = '';
  for (const byte of random.bytes(10)) id += ALPHABET[byte & 31];
  return id;
}
