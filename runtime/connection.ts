/**
 * What a session driver sees of a socket. The implementation (`socket-connection.ts`) owns the socket, TLS and timers; sessions and
 * commands never import `node:net`. Everything fails with `ConnectionClosed` once the peer is gone. A deadline that passes fails reads and writes
 * until `deadline` is called again (to say goodbye). Draining aborts `signal` and fails one read, the pending one or the next that would wait; no
 * bytes are lost and the connection goes on working, so that a session in the middle of a message reads again and finishes it.
 */
export interface Connection {
  /** Random and short; in every log line of the session and in the text of temporary failures. */
  readonly id: string;
  /** `address` is canonical (an IPv4-mapped IPv6 address is written as IPv4); `unix` for Unix sockets. */
  readonly remote: { readonly address: string; readonly port: number } | 'unix';
  readonly local: { readonly address: string; readonly port: number } | 'unix';
  /** True for Unix sockets and loopback addresses: credentials are accepted there without TLS (DESIGN §7). */
  readonly loopback: boolean;
  /** Undefined while in the clear. */
  readonly tls: TlsInfo | undefined;
  /** The next chunk as it came; `null` once the peer has finished sending. Nothing is read from the socket while nobody asks: that is the back-pressure. */
  read(): Promise<Uint8Array | null>;
  /** Bytes that arrived already and were not read: lets a driver see early talkers and pipelined groups. */
  readonly buffered: number;
  /**
   * Queues bytes. Resolves at once below the high-water mark, else once the peer has taken enough; await it before writing much more.
   * @param last nothing follows before the peer has spoken: they leave now instead of with what else is written in this turn.
   */
  write(bytes: Uint8Array | string, last?: boolean): Promise<void>;
  /** Octets that were written and not yet given to the system. While it is 0, memory that was written may be used again; absent where that can't be told. */
  readonly queued?: number;
  /** Cork/uncork: replies of one pipelined group leave in one segment (RFC 2920 §3.2). */
  cork(): void;
  uncork(): void;
  /** Server side TLS after a 220/OK was written: flushes, discards every byte that was read in the clear (RFC 3207 §4.2), shakes hands within `timeoutMs`. */
  startTls(timeoutMs: number): Promise<TlsInfo>;
  /** An absolute deadline for everything from now on, not reset by bytes that arrive; `undefined` lifts it. */
  deadline(ms: number | undefined): void;
  /** Aborted when the server drains or the connection is lost. */
  readonly signal: AbortSignal;
  /** Flushes and closes. */
  end(): Promise<void>;
  /** Closes at once. */
  destroy(): void;
}

/** What `write` may answer where the bytes were taken at once, so that who writes much need not wait for a promise that is fulfilled already. */
export const TAKEN: Promise<void> = Promise.resolve();

export interface TlsInfo {
  /** `TLSv1.3` */
  readonly protocol: string;
  readonly cipher: string;
  /** RFC 9266 channel binding, for SCRAM-…-PLUS. */
  exporter(): Uint8Array | undefined;
}

export class ConnectionClosed extends Error {
  readonly reason: 'closed' | 'deadline' | 'draining' | 'error';
  constructor(reason: 'closed' | 'deadline' | 'draining' | 'error', options?: ErrorOptions) {
    super(`connection ${reason}`, options);
    this.name = 'ConnectionClosed';
    this.reason = reason;
  }
}
