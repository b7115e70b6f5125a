/** The answering side of the calls between our processes: any number in flight on one socket, answered in any order. */
import type { Socket } from 'node:net';
import { MailError } from '#mail/failure.ts';
import type { Log } from '../ambient.ts';
import { encodeFrame, type Frame, FrameReader, KIND, writeFrame } from './frame.ts';
import type { RpcHandlers } from './rpc.ts';

/** With this much unsent, nothing more is read until the peer has taken it. */
const HIGH_WATER = 4 * 1024 * 1024;
/** How long a client that was told goodbye may take to close its side. */
const FAREWELL_MS = 1_000;

/** What crosses the socket for an error. A fault of ours crosses as `unavailable`, without its text. */
export interface WireError {
  readonly failure: MailError['failure'];
  readonly message: string;
}

/** Serves one connection until it ends. `end` finishes the calls in hand and closes; also returned is when it is closed. */
export function serveRpc(
  socket: Socket,
  handlers: RpcHandlers,
  options: { readonly log: Log },
): { readonly closed: Promise<void>; end(): Promise<void> } {
  const connection = new ServerConnection(socket, handlers, options.log);
  return { closed: connection.closed, end: () => connection.end() };
}

interface OpenStream {
  readonly abort: AbortController;
  credit: number;
  wake: (() => void) | undefined;
}

class ServerConnection {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #handlers: RpcHandlers;
  readonly #log: Log;
  readonly #reader = new FrameReader();
  readonly #streams = new Map<number, OpenStream>();
  readonly #inHand = new Set<Promise<void>>();
  #lastTaken = 0;
  #leaving = false;

  constructor(socket: Socket, handlers: RpcHandlers, log: Log) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#log = log;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (chunk) => this.#data(chunk));
    socket.on('drain', () => socket.resume());
    socket.on('error', (error) => log.debug({ err: error }, 'rpc connection lost'));
    socket.on('end', () => socket.end());
    socket.once('close', () => this.#cancelAll());
    socket.resume();
  }

  async end(): Promise<void> {
    // What comes from here on is read and not taken: the client hears so, and asks whoever serves next.
    this.#leaving = true;
    this.#send(encodeFrame(KIND.goodbye, this.#lastTaken));
    this.#cancelAll();
    await Promise.allSettled(this.#inHand);
    if (!this.#socket.destroyed) this.#socket.end();
    this.#socket.resume();
    const timer = setTimeout(() => this.#socket.destroy(), FAREWELL_MS);
    await this.closed;
    clearTimeout(timer);
  }

  #cancelAll(): void {
    for (const stream of this.#streams.values()) {
      stream.abort.abort();
      stream.wake?.();
    }
  }

  #data(chunk: Uint8Array): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#frame(frame);
    } catch (error) {
      this.#log.error({ err: error }, 'rpc frame could not be read');
      this.#socket.destroy();
    }
    if (this.#socket.writableLength > HIGH_WATER) this.#socket.pause();
  }

  #frame({ kind, id, value }: Frame): void {
    if (this.#leaving && kind !== KIND.credit) return;
    if (kind === KIND.call || kind === KIND.open) this.#lastTaken = id;
    if (kind === KIND.call) this.#track(this.#call(id, value));
    else if (kind === KIND.open) this.#track(this.#stream(id, value));
    else if (kind === KIND.cancel) this.#streams.get(id)?.abort.abort();
    else if (kind === KIND.credit) this.#grant(id, value as number);
    if (kind === KIND.cancel) this.#streams.get(id)?.wake?.();
  }

  #track(work: Promise<void>): void {
    this.#inHand.add(work);
    void work.finally(() => this.#inHand.delete(work));
  }

  #grant(id: number, credit: number): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    stream.credit += credit;
    stream.wake?.();
  }

  async #call(id: number, value: unknown): Promise<void> {
    const { method, argument } = value as { method: string; argument: unknown };
    try {
      this.#send(encodeFrame(KIND.answer, id, await this.#handlers.call(method, argument)));
    } catch (error) {
      this.#fail(id, method, error);
    }
  }

  async #stream(id: number, value: unknown): Promise<void> {
    const { method, argument, credit } = value as { method: string; argument: unknown; credit: number };
    const stream: OpenStream = { abort: new AbortController(), credit, wake: undefined };
    this.#streams.set(id, stream);
    try {
      if (!this.#handlers.stream) throw new MailError('unsupported', `no streams here: ${method}`);
      for await (const item of this.#handlers.stream(method, argument, stream.abort.signal)) {
        while (stream.credit === 0 && !stream.abort.signal.aborted) {
          await new Promise<void>((resolve) => {
            stream.wake = resolve;
          });
        }
        if (stream.abort.signal.aborted) break;
        stream.credit--;
        this.#send(encodeFrame(KIND.item, id, item));
      }
      this.#send(encodeFrame(KIND.end, id));
    } catch (error) {
      if (stream.abort.signal.aborted) this.#send(encodeFrame(KIND.end, id));
      else this.#fail(id, method, error);
    } finally {
      this.#streams.delete(id);
    }
  }

  #fail(id: number, method: string, error: unknown): void {
    if (!(error instanceof MailError)) this.#log.error({ err: error, method }, 'rpc call failed');
    const wire: WireError =
      error instanceof MailError
        ? { failure: error.failure, message: error.message }
        : { failure: 'unavailable', message: 'internal error' };
    this.#send(encodeFrame(KIND.error, id, wire));
  }

  #send(frame: Buffer): void {
    if (!this.#socket.destroyed && this.#socket.writable) writeFrame(this.#socket, frame);
  }
}
