/**
 * One writer that this worker serves while it holds its lease (STORE.md §2): of a shard, the directory or the queue. It waits for the lease in the
 * background, answers the processes that connect to the writer's socket, and gives the lease up when the worker drains, or when the writer is
 * another's to be (`assign`).
 */
import type { Socket } from 'node:net';
import type { Clock, Log } from './ambient.ts';
import type { RpcHandlers } from './rpc/rpc.ts';
import { serveRpc } from './rpc/server.ts';
import type { ListenerName, ProgramContext } from './service.ts';

export interface HeldWriter {
  readonly handlers: RpcHandlers;
  /** Resolves when it writes no more, be it closed or broken; its lease is free then. */
  readonly ended: Promise<void>;
  /** Finishes what is in hand, then gives the lease up. */
  close(): Promise<void>;
}

export interface WriterHolderOptions<W extends HeldWriter> {
  readonly listener: ListenerName;
  /** Waits for the lease until the signal aborts, then rejects. */
  readonly open: (signal: AbortSignal) => Promise<W>;
  readonly claim: ProgramContext['claim'];
  readonly clock: Clock;
  readonly log: Log;
}

const RETRY_MS = 1_000;

export class WriterHolder<W extends HeldWriter> {
  readonly listener: ListenerName;
  /** Resolves when the lease has been taken for the first time. */
  readonly opened: Promise<void>;
  readonly #options: WriterHolderOptions<W>;
  /** While the lease is wanted. */
  #stop: AbortController | undefined;
  #released = false;
  readonly #connections = new Map<Socket, () => Promise<void>>();
  /** Sockets that came before the lease did. */
  readonly #waiting = new Set<Socket>();
  #writer: W | undefined;
  #markOpened: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: WriterHolderOptions<W>) {
    this.#options = options;
    this.listener = options.listener;
    this.opened = new Promise((resolve) => {
      this.#markOpened = resolve;
    });
  }

  /** The writer while this worker holds it: calls then need no socket. */
  get writer(): W | undefined {
    return this.#writer;
  }

  /**
   * Begins to wait for the lease, or finishes what is in hand and gives it up, so that another worker gets it. Returns at once: a worker is ready
   * without leases.
   */
  assign(wanted: boolean): void {
    if (this.#released || wanted === (this.#stop !== undefined)) return;
    if (wanted) {
      const stop = new AbortController();
      this.#stop = stop;
      this.#running = this.#running.then(() => this.#run(stop.signal));
    } else {
      this.#running = this.#giveUp();
    }
  }

  accept(socket: Socket): void {
    if (this.#stop === undefined) socket.destroy();
    else if (this.#writer !== undefined) this.#serve(socket, this.#writer);
    else {
      this.#waiting.add(socket);
      socket.once('close', () => this.#waiting.delete(socket));
    }
  }

  /** Gives the lease up for good: calls in hand are answered, what comes later goes to the next holder. */
  async release(): Promise<void> {
    this.assign(false);
    this.#released = true;
    await this.#running;
  }

  async #giveUp(): Promise<void> {
    const running = this.#running;
    this.#stop?.abort();
    this.#stop = undefined;
    for (const socket of this.#waiting) socket.destroy();
    const writer = this.#writer;
    this.#letGo();
    await this.#hangUp();
    await writer?.close();
    await running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { listener, open, log } = this.#options;
    while (!signal.aborted) {
      try {
        const writer = await open(signal);
        if (signal.aborted) return await writer.close();
        this.#take(writer);
        await writer.ended;
        this.#letGo();
        if (!signal.aborted) {
          log.error({ listener }, 'the writer has stopped; its lease is taken anew');
          await this.#hangUp();
        }
      } catch (error) {
        if (signal.aborted) return;
        log.error({ listener, err: error }, 'the writer cannot be opened; trying again');
        await this.#pause(signal);
      }
    }
  }

  #take(writer: W): void {
    const { listener, claim, log } = this.#options;
    this.#writer = writer;
    this.#markOpened();
    claim(listener, true);
    log.info({ listener }, 'writing here now');
    const sockets = [...this.#waiting];
    this.#waiting.clear();
    for (const socket of sockets) this.#serve(socket, writer);
  }

  #letGo(): void {
    if (this.#writer === undefined) return;
    this.#writer = undefined;
    this.#options.claim(this.#options.listener, false);
  }

  #serve(socket: Socket, writer: W): void {
    const served = serveRpc(socket, writer.handlers, { log: this.#options.log });
    this.#connections.set(socket, () => served.end());
    void served.closed.then(() => this.#connections.delete(socket));
  }

  /** Clients connect again and find whoever holds the lease then. */
  async #hangUp(): Promise<void> {
    await Promise.all(Array.from(this.#connections.values(), (end) => end()));
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#options.clock.after(RETRY_MS, done);
      signal.addEventListener('abort', done);
    });
  }
}
