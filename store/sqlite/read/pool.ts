/**
 * The readers of a process. Small reads are done at once (near.ts); any other goes to the thread that has the fewest in hand.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { MailError } from '#mail/failure.ts';
import type { Log } from '#runtime/ambient.ts';
import type { Access } from '../../types.ts';
import { writeLine } from '../thread-log.ts';
import { isOfBatch } from './batch-memory.ts';
import { isSmall, NearReader } from './near.ts';
import { type ReadRequest, type Sample, sampleReads } from './shard-reader.ts';
import type { FromReader, ReaderThreadData, ToReader } from './thread.ts';

const MOST_USED_UP = 4;

export interface ReaderPoolOptions {
  readonly data: string;
  readonly threads: number;
  readonly log: Log;
}

interface Thread {
  readonly worker: Worker;
  readonly inHand: Map<number, PromiseWithResolvers<unknown>>;
}

export class ReaderPool {
  readonly #options: ReaderPoolOptions;
  readonly #near: NearReader;
  readonly #threads: Thread[] = [];
  /** Memory of answers, for the next that are large. */
  readonly #usedUp: ArrayBuffer[] = [];
  #nextId = 1;
  #closed = false;

  constructor(options: ReaderPoolOptions) {
    this.#options = options;
    this.#near = new NearReader(options.data, options.log);
  }

  /** Opens the shards and starts a thread, so that the first reads don't wait for that. Answers some mailboxes that can be read. */
  async warm(shards: number): Promise<readonly Sample[]> {
    const thread = this.#threads[0] ?? this.#start();
    const samples: Sample[] = [];
    for (let shard = 0; shard < shards; shard++) {
      const sample = this.#near.warm(shard);
      if (sample === undefined) continue;
      samples.push(sample);
      const { access, id, name } = sample;
      const reads = sampleReads(id, name).map((request) => this.#ask(thread, shard, access, request));
      await Promise.allSettled(reads); // what goes wrong will be told to whoever reads
    }
    return samples;
  }

  read(shard: number, access: Access, request: ReadRequest): Promise<unknown> {
    if (this.#closed) return Promise.reject(new MailError('unavailable', 'the store is closed'));
    if (isSmall(request)) return this.#here(shard, access, request);
    return this.#ask(this.#pick(), shard, access, request);
  }

  /** A commit was made from here: what is read from now on sees it, in the same turn too. */
  changed(shard: number): void {
    this.#near.changed(shard);
  }

  /** Nobody looks any more at what came with an answer. */
  useAgain(bytes: Uint8Array): void {
    if (isOfBatch(bytes.buffer) && this.#usedUp.length < MOST_USED_UP) this.#usedUp.push(bytes.buffer);
  }

  #ask(thread: Thread, shard: number, access: Access, request: ReadRequest): Promise<unknown> {
    const id = this.#nextId++;
    const waiting = Promise.withResolvers<unknown>();
    thread.inHand.set(id, waiting);
    const memory = request[0] === 'messages' && request[1].columns.content === true ? this.#usedUp.pop() : undefined;
    if (memory === undefined) thread.worker.postMessage({ id, shard, access, request } satisfies ToReader);
    else thread.worker.postMessage({ id, shard, access, request, memory } satisfies ToReader, [memory]);
    return waiting.promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#near.close();
    await Promise.all(
      this.#threads.map(async ({ worker, inHand }) => {
        await Promise.allSettled(Array.from(inHand.values(), ({ promise }) => promise));
        const exit = once(worker, 'exit');
        worker.postMessage({ close: true } satisfies ToReader);
        await exit;
      }),
    );
  }

  async #here(shard: number, access: Access, request: Parameters<NearReader['read']>[2]): Promise<unknown> {
    try {
      return this.#near.read(shard, access, request);
    } catch (error) {
      if (error instanceof MailError) throw error;
      this.#options.log.error({ err: error, read: request[0] }, 'read failed');
      throw new MailError('unavailable', 'the store can not be read');
    }
  }

  #pick(): Thread {
    let best: Thread | undefined;
    for (const thread of this.#threads) if (!best || thread.inHand.size < best.inHand.size) best = thread;
    const room = this.#threads.length < this.#options.threads;
    return best && (best.inHand.size === 0 || !room) ? best : this.#start();
  }

  #start(): Thread {
    const workerData: ReaderThreadData = { data: this.#options.data };
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData });
    const thread: Thread = { worker, inHand: new Map() };
    this.#threads.push(thread);
    worker.on('message', (message: FromReader) => this.#message(thread, message));
    worker.on('error', (error) => this.#options.log.error({ err: error }, 'a reader thread failed'));
    worker.on('exit', () => {
      this.#threads.splice(this.#threads.indexOf(thread), 1);
      const error = new MailError('unavailable', 'the store can not be read');
      for (const waiting of thread.inHand.values()) waiting.reject(error);
    });
    return thread;
  }

  #message(thread: Thread, message: FromReader): void {
    if ('log' in message) {
      writeLine(this.#options.log, message.log);
      return;
    }
    const waiting = thread.inHand.get(message.id);
    thread.inHand.delete(message.id);
    if ('error' in message) waiting?.reject(new MailError(message.error.failure, message.error.message));
    else waiting?.resolve(message.value);
  }
}
