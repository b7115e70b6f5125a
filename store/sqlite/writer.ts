/**
 * The writer of a shard, seen from the process that holds its lease (STORE.md §2): it gathers what comes in one turn of the
 * event loop, hands it to the writer thread, gives the answers back and tells watchers. `handlers` serve the same over RPC.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { MailError } from '#mail/failure.ts';
import type { Clock, Log } from '#runtime/ambient.ts';
import { armedFaults } from '#runtime/fault-points.ts';
import type { Metrics } from '#runtime/metrics/metrics.ts';
import type { RpcHandlers } from '#runtime/rpc/rpc.ts';
import { systemRandom } from '#runtime/system.ts';
import type { NoticeBatch } from '../change.ts';
import type { CommitAnswer } from '../mutation.ts';
import { DEFAULT_RETENTION, type Retention } from '../retention.ts';
import type { JobAnswer } from './group.ts';
import { packJob } from './job.ts';
import { leaseHolder, takeLease, tryLease, type WriteLease } from './lease.ts';
import { unpackAnswers, unpackBatches } from './notices.ts';
import { segmentFolder, shardFile, shardLease } from './paths.ts';
import { Rewriter } from './rewriter.ts';
import type { SparseSegment } from './segments.ts';
import { writeLine } from './thread-log.ts';
import { Watchers } from './watchers.ts';
import { type WriterFigures, writerFigures } from './writer-figures.ts';
import type { FromWriter, ToWriter, WriterThreadData } from './writer-thread.ts';

export interface ShardWriterOptions {
  /** The data folder. */
  readonly data: string;
  readonly shard: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly retention?: Partial<Retention>;
  readonly metrics?: Metrics;
  /** Waits for the lease until this aborts; without it, a lease that is taken fails as `unavailable` at once. */
  readonly wait?: AbortSignal;
  /** Milliseconds between rounds of collection; 0 for none but `collect()`. */
  readonly collectEvery?: number;
}

export interface ShardWriter {
  readonly shard: number;
  /** `commit` and `register` take what `packJob` made; the stream `notices` takes a cursor and is of `PackedBatch`. */
  readonly handlers: RpcHandlers;
  /** @param job see `packJob`. */
  commit(job: Uint8Array): Promise<CommitAnswer>;
  register(job: Uint8Array): Promise<void>;
  watch(cursor: string | undefined, signal: AbortSignal): AsyncIterable<NoticeBatch>;
  /** One round of collection, to its end. */
  collect(): Promise<void>;
  /** Resolves when it writes no more, closed or broken; its lease is free then. */
  readonly ended: Promise<void>;
  /** Finishes the groups in hand, then gives the lease up. */
  close(): Promise<void>;
}

const COLLECT_EVERY = 60_000;

/** Takes the lease of the shard and starts its writer thread. */
export async function openShardWriter(options: ShardWriterOptions): Promise<ShardWriter> {
  const name = shardLease(options.data, options.shard);
  const now = (): number => options.clock.now();
  const lease = options.wait ? await takeLease(name, { now, signal: options.wait }) : tryLease(name, now());
  if (!lease) {
    throw new MailError('unavailable', 'the store is being written by another process', {
      cause: new Error(`held by ${JSON.stringify(leaseHolder(name))}`),
    });
  }
  try {
    const writer = new Writer(options, lease);
    await writer.ready;
    return writer;
  } catch (error) {
    lease.release();
    throw error;
  }
}

interface Pending {
  readonly job: Uint8Array;
  /** `performance.now()` when it came. */
  readonly begun: number;
  readonly resolve: (answer: CommitAnswer | null) => void;
  readonly reject: (error: Error) => void;
}

class Writer implements ShardWriter {
  readonly shard: number;
  readonly handlers: RpcHandlers;
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;
  readonly #options: ShardWriterOptions;
  readonly #lease: WriteLease;
  readonly #thread: Worker;
  readonly #watchers: Watchers;
  #gathered: Pending[] = [];
  /** Sent, in order; the thread answers in order. */
  readonly #sent: Pending[] = [];
  readonly #rewriter: Rewriter;
  /** Of collection, and what it waits for. */
  #round: Promise<void> | undefined;
  #rewriting: Promise<void> | undefined;
  #collected: PromiseWithResolvers<void> | undefined;
  #asked: PromiseWithResolvers<SparseSegment | undefined> | undefined;
  #stopTimer: () => void = () => undefined;
  #closed = false;
  #figures: WriterFigures | undefined;

  constructor(options: ShardWriterOptions, lease: WriteLease) {
    this.#options = options;
    this.#lease = lease;
    this.shard = options.shard;
    const workerData: WriterThreadData = {
      path: shardFile(options.data, options.shard),
      segments: segmentFolder(options.data, options.shard),
      retention: { ...DEFAULT_RETENTION, ...options.retention },
      faults: armedFaults(),
    };
    this.#thread = new Worker(new URL('./writer-thread.ts', import.meta.url), { workerData });
    this.#rewriter = new Rewriter({
      folder: workerData.segments,
      random: systemRandom,
      now: () => options.clock.now(),
      log: options.log,
      sparse: (skip) => this.#sparse(skip),
      move: async (from, moved) => void (await this.#submit(packJob({ kind: 'move', from, moved }))),
    });
    this.#watchers = new Watchers((id, after, limit) => this.#post({ type: 'replay', id, after, limit }));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.ended = new Promise((end) => {
      this.#end = end;
    });
    this.#thread.on('message', (message: FromWriter) => {
      if (message.type === 'ready') resolve();
      this.#message(message);
    });
    this.#thread.on('error', (error) => {
      reject(error);
      options.log.error({ err: error, shard: this.shard }, 'the writer thread failed');
    });
    this.#thread.on('exit', () => this.#lost());
    this.handlers = this.#makeHandlers();
    this.#scheduleCollect();
  }

  async commit(job: Uint8Array): Promise<CommitAnswer> {
    const answer = await this.#submit(job);
    if (answer === null) throw new MailError('bad-request', 'not a commit');
    return answer;
  }

  async register(job: Uint8Array): Promise<void> {
    await this.#submit(job);
  }

  watch(cursor: string | undefined, signal: AbortSignal): AsyncIterable<NoticeBatch> {
    return unpackBatches(this.#watchers.watch(cursor, signal));
  }

  collect(): Promise<void> {
    this.#round ??= this.#collect().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #collect(): Promise<void> {
    this.#collected = Promise.withResolvers();
    this.#post({ type: 'collect', now: this.#options.clock.now() });
    await this.#collected.promise;
    this.#rewriting = this.#rewriter.round(() => this.#closed);
    await this.#rewriting;
  }

  async #sparse(skip: readonly string[]): Promise<SparseSegment | undefined> {
    this.#asked = Promise.withResolvers();
    this.#post({ type: 'sparse', skip });
    return await this.#asked.promise;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTimer();
    this.#flush();
    // What it copied is of no use without a move: the next writer begins anew.
    await this.#rewriting?.catch(() => undefined);
    const exit = once(this.#thread, 'exit');
    this.#post({ type: 'close' });
    await exit;
    this.#lease.release();
  }

  #submit(job: Uint8Array): Promise<CommitAnswer | null> {
    if (this.#closed) return Promise.reject(new MailError('unavailable', 'the writer is closed'));
    return new Promise((resolve, reject) => {
      // What comes in the same turn of the loop crosses to the thread in one message.
      const begun = performance.now();
      if (this.#gathered.push({ job, begun, resolve, reject }) === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const jobs = this.#gathered;
    if (jobs.length === 0) return;
    this.#gathered = [];
    let length = 0;
    const ends = jobs.map(({ job }) => (length += job.length));
    // A buffer of its own, for a posted view would take the whole of what it looks at along.
    const bytes = new Uint8Array(length);
    for (const [i, pending] of jobs.entries()) {
      bytes.set(pending.job, ends[i]! - pending.job.length);
      this.#sent.push(pending);
    }
    const message: ToWriter = { type: 'jobs', now: this.#options.clock.now(), ends, bytes };
    this.#thread.postMessage(message, [bytes.buffer]);
  }

  #post(message: ToWriter): void {
    this.#thread.postMessage(message);
  }

  #message(message: FromWriter): void {
    switch (message.type) {
      case 'ready':
        this.#watchers.begin(message.epoch, message.seq);
        this.#figures = this.#options.metrics && writerFigures(this.#options.metrics, this.#options.data, this.shard);
        break;
      case 'answers': {
        const answers = unpackAnswers(message.answers);
        const answered = this.#sent.splice(0, answers.length);
        this.#figures?.group(
          answers,
          answered.map(({ begun }) => begun),
        );
        for (const [i, pending] of answered.entries()) settle(pending, answers[i]!);
        this.#watchers.add(message.seq, message.notices);
        break;
      }
      case 'replay':
        this.#watchers.replayed(message);
        break;
      case 'collected':
        this.#collected?.resolve();
        break;
      case 'sparse':
        this.#asked?.resolve(message.segment);
        break;
      case 'log':
        writeLine(this.#options.log, message.line);
    }
  }

  /** The thread has ended: whatever was in hand may or may not have been written. */
  #lost(): void {
    const error = new MailError('unavailable', 'the writer has stopped');
    this.#closed = true;
    this.#figures?.end();
    this.#stopTimer();
    this.#watchers.end();
    this.#collected?.reject(error);
    this.#asked?.reject(error);
    for (const pending of [...this.#sent.splice(0), ...this.#gathered.splice(0)]) pending.reject(error);
    this.#lease.release();
    this.#end();
  }

  #scheduleCollect(): void {
    const every = this.#options.collectEvery ?? COLLECT_EVERY;
    if (every === 0) return;
    this.#stopTimer = this.#options.clock.after(every, () => {
      this.collect().catch((error: unknown) => this.#options.log.warn({ err: error }, 'collection was cut off'));
      this.#scheduleCollect();
    });
  }

  #makeHandlers(): RpcHandlers {
    return {
      call: async (method, argument) => {
        if (method === 'commit') return await this.commit(argument as Uint8Array);
        if (method === 'register') return await this.register(argument as Uint8Array);
        throw new MailError('unsupported', `no method ${method}`);
      },
      stream: (method, argument, signal) => {
        if (method !== 'notices') throw new MailError('unsupported', `no stream ${method}`);
        return this.#watchers.watch(argument as string | undefined, signal);
      },
    };
  }
}

function settle(pending: Pending, answer: JobAnswer): void {
  if (answer !== null && 'error' in answer) {
    pending.reject(new MailError(answer.error.failure, answer.error.message));
  } else pending.resolve(answer);
}
