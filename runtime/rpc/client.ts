/** The asking side of the calls between our processes. Connects when first asked, and again when the connection was lost. */
import { createConnection, type Socket } from 'node:net';
import { MailError } from '#mail/failure.ts';
import { encodeFrame, type Frame, FrameReader, KIND, writeFrame } from './frame.ts';
import type { RpcClient } from './rpc.ts';
import type { WireError } from './server.ts';

export interface RpcClientOptions {
  /** Path of a Unix stream socket, or whatever makes a connecting socket. */
  readonly connect: string | (() => Socket);
  /** For calls that name none: within it, the connection is tried again and again. */
  readonly deadlineMs?: number;
  /** Stream items that may be on their way unread. */
  readonly credit?: number;
}

const DEADLINE = 30_000;
const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 500;

export function createRpcClient(options: RpcClientOptions): RpcClient {
  return new Client(options);
}

interface Waiting {
  readonly socket: Socket;
  item(value: unknown): void;
  end(): void;
  fail(error: Error): void;
  /** The server went without having taken it. */
  again?(): void;
}

/** The outcome of a call that was not taken. */
const AGAIN = Symbol('again');

class Client implements RpcClient {
  readonly #options: RpcClientOptions;
  readonly #waiting = new Map<number, Waiting>();
  /** The one in use, and those that said goodbye and still answer. */
  readonly #sockets = new Set<Socket>();
  #socket: Promise<Socket> | undefined;
  #nextId = 1;
  #closed = false;

  constructor(options: RpcClientOptions) {
    this.#options = options;
  }

  async call(method: string, argument: unknown, options?: { deadlineMs?: number }): Promise<unknown> {
    const deadline = performance.now() + (options?.deadlineMs ?? this.#options.deadlineMs ?? DEADLINE);
    for (;;) {
      const socket = await this.#connected(deadline);
      const outcome = await this.#ask(socket, { method, argument }, deadline);
      if (outcome !== AGAIN) return outcome;
    }
  }

  #ask(socket: Socket, request: { method: string; argument: unknown }, deadline: number): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => {
          this.#waiting.delete(id);
          reject(new MailError('unavailable', 'no answer in time'));
        },
        Math.max(1, deadline - performance.now()),
      );
      this.#waiting.set(id, {
        socket,
        item(value) {
          clearTimeout(timer);
          resolve(value);
        },
        end: () => undefined,
        fail(error) {
          clearTimeout(timer);
          reject(error);
        },
        again() {
          clearTimeout(timer);
          resolve(AGAIN);
        },
      });
      writeFrame(socket, encodeFrame(KIND.call, id, request));
    });
  }

  async *stream(method: string, argument: unknown, signal: AbortSignal): AsyncGenerator<unknown> {
    if (signal.aborted) return;
    const socket = await this.#connected(performance.now() + (this.#options.deadlineMs ?? DEADLINE), signal);
    if (signal.aborted) return;
    const id = this.#nextId++;
    const credit = this.#options.credit ?? 16;
    const queue = new StreamQueue(socket);
    this.#waiting.set(id, queue);
    const stop = (): void => queue.end();
    signal.addEventListener('abort', stop, { once: true });
    writeFrame(socket, encodeFrame(KIND.open, id, { method, argument, credit }));
    try {
      for (;;) {
        const next = await queue.next();
        if (!next || signal.aborted) return;
        yield next.value;
        if (!socket.destroyed) writeFrame(socket, encodeFrame(KIND.credit, id, 1));
      }
    } finally {
      signal.removeEventListener('abort', stop);
      if (this.#waiting.delete(id) && !socket.destroyed) writeFrame(socket, encodeFrame(KIND.cancel, id));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#socket?.catch(() => undefined);
    await Promise.all(
      Array.from(this.#sockets, (socket) => {
        const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
        socket.destroy();
        return gone;
      }),
    );
  }

  /** Tries to connect until the deadline: the socket's owner may be between two lives. */
  async #connected(deadline: number, signal?: AbortSignal): Promise<Socket> {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      if (this.#closed) throw new MailError('unavailable', 'the connection was closed');
      this.#socket ??= this.#connect();
      try {
        return await this.#socket;
      } catch (error) {
        if (signal?.aborted || performance.now() + pause >= deadline) {
          throw new MailError('unavailable', 'nobody answers', { cause: error });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  #connect(): Promise<Socket> {
    const { connect } = this.#options;
    const socket = typeof connect === 'string' ? createConnection({ path: connect }) : connect();
    this.#sockets.add(socket);
    const reader = new FrameReader();
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    let reason: Error | undefined;
    socket.on('connect', () => resolve(socket));
    socket.on('error', (error) => {
      reason = error;
    });
    socket.on('data', (chunk) => {
      try {
        for (const frame of reader.push(chunk)) {
          if (frame.kind !== KIND.goodbye) this.#frame(frame);
          else {
            if (this.#socket === promise) this.#socket = undefined;
            this.#goodbye(socket, frame.id);
          }
        }
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('close', () => {
      reject(reason ?? new Error('closed'));
      this.#sockets.delete(socket);
      if (this.#socket === promise) this.#socket = undefined;
      const lost = new MailError('unavailable', 'the connection was lost', { cause: reason });
      for (const [id, one] of this.#waiting) {
        if (one.socket !== socket) continue;
        this.#waiting.delete(id);
        one.fail(lost);
      }
    });
    if (socket.readyState === 'open') resolve(socket);
    return promise;
  }

  /** What the server still took it answers; the rest is asked again, of whoever serves next. */
  #goodbye(socket: Socket, lastTaken: number): void {
    for (const [id, one] of this.#waiting) {
      if (one.socket !== socket || id <= lastTaken || one.again === undefined) continue;
      this.#waiting.delete(id);
      one.again();
    }
  }

  #frame({ kind, id, value }: Frame): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return; // answered too late, or cancelled
    if (kind === KIND.item) {
      waiting.item(value);
      return;
    }
    this.#waiting.delete(id);
    if (kind === KIND.answer) waiting.item(value);
    else if (kind === KIND.end) waiting.end();
    else if (kind === KIND.error) {
      const { failure, message } = value as WireError;
      waiting.fail(new MailError(failure, message));
    }
  }
}

/** Items of one stream that nobody has taken yet; never longer than the credit given. */
class StreamQueue implements Waiting {
  readonly socket: Socket;
  readonly #items: { value: unknown }[] = [];
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  item(value: unknown): void {
    this.#items.push({ value });
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#wake?.();
  }

  async next(): Promise<{ value: unknown } | undefined> {
    for (;;) {
      const item = this.#items.shift();
      if (item) return item;
      if (this.#error) throw this.#error;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
