/**
 * The queue in SQLite: one writer under a lease, in an MTA worker or in a command without a running system, whose thread groups
 * writes under one sync; everybody reads the file. Clients on the same machine share it, so large contents cross as names of files.
 */
import { createReadStream } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { MailError } from '#mail/failure.ts';
import type { Clock, Log } from '#runtime/ambient.ts';
import { armedFaults } from '#runtime/fault-points.ts';
import type { RpcClient, RpcHandlers } from '#runtime/rpc/rpc.ts';
import type { NewQueueEntry, Queue, QueueId } from '../queue.ts';
import { type Database, openDatabase } from './database.ts';
import { leaseHolder, takeLease, tryLease, type WriteLease } from './lease.ts';
import type { QueueAnswer, QueueJob } from './queue-group.ts';
import { contentFile, QUEUE_MIGRATIONS, QueueReader, queueFile, queueFolder, queueLease } from './queue-rows.ts';
import type { QueueReport, QueueRequest, QueueThreadData } from './queue-thread.ts';

export interface QueueWriterOptions {
  /** The data folder. */
  readonly data: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  /** Waits for the lease until this aborts; without it, a lease that another holds is `unavailable` at once. */
  readonly signal?: AbortSignal;
}

/** The `Queue` of whoever may write. `close` finishes what is in hand and gives the lease up. */
export interface QueueWriter extends Queue {
  /** Resolves when it writes no more, closed or broken. A broken one must still be closed: until then nobody else gets the lease. */
  readonly ended: Promise<void>;
}

export async function openQueueWriter(options: QueueWriterOptions): Promise<QueueWriter> {
  const lease = await lend(options);
  try {
    const thread = new QueueThread(options);
    await thread.opened;
    const listeners = new Set<() => void>();
    const write = async (job: QueueJob) => {
      const value = await thread.send(job);
      for (const listener of Array.from(listeners)) listener();
      return value;
    };
    const queue = makeQueue(options.data, write, listeners, async () => {
      await thread.close();
      lease.release();
    });
    return { ...queue, ended: thread.ended };
  } catch (error) {
    lease.release();
    throw error;
  }
}

async function lend(options: QueueWriterOptions): Promise<WriteLease> {
  const name = queueLease(options.data);
  const now = () => options.clock.now();
  if (options.signal !== undefined) return await takeLease(name, { now, signal: options.signal });
  const lease = tryLease(name, now());
  if (lease !== undefined) return lease;
  throw new MailError('unavailable', `another process (${leaseHolder(name)?.pid ?? 'unknown'}) writes the queue`);
}

/** The writing thread, and who waits for which of its answers. */
class QueueThread {
  readonly opened: Promise<void>;
  readonly #worker: Worker;
  readonly #options: QueueWriterOptions;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly ended: Promise<void>;
  #ended = false;
  #next = 1;

  constructor(options: QueueWriterOptions) {
    this.#options = options;
    const workerData: QueueThreadData = { data: options.data, faults: armedFaults() };
    this.#worker = new Worker(new URL('./queue-thread.ts', import.meta.url), { workerData });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.opened = promise;
    this.#worker.on('message', (report: QueueReport) => {
      if (report === 'open') resolve();
      else for (const { number, answer } of report) this.#answered(number, answer);
    });
    this.#worker.on('error', (error) => {
      options.log.error({ err: error }, 'the queue’s writer failed');
      reject(error);
    });
    this.ended = new Promise((done) => {
      this.#worker.once('exit', () => {
        this.#ended = true;
        const lost = new MailError('unavailable', 'the queue’s writer ended');
        reject(lost);
        for (const one of this.#waiting.values()) one.reject(lost);
        this.#waiting.clear();
        done();
      });
    });
  }

  send(job: QueueJob): Promise<unknown> {
    if (this.#ended) return Promise.reject(new MailError('unavailable', 'the queue is closed'));
    return new Promise((resolve, reject) => {
      const number = this.#next++;
      this.#waiting.set(number, { resolve, reject });
      const request: QueueRequest = { number, now: this.#options.clock.now(), job: detached(job) };
      this.#worker.postMessage(request);
    });
  }

  async close(): Promise<void> {
    if (!this.#ended) this.#worker.postMessage('close');
    await this.ended;
  }

  #answered(number: number, answer: QueueAnswer): void {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (answer.ok) {
      waiting?.resolve(answer.value);
      return;
    }
    if (answer.cause !== undefined) this.#options.log.error({ err: answer.cause }, answer.text);
    waiting?.reject(new MailError(answer.failure, answer.text, { cause: answer.cause }));
  }
}

/** Octets cut out of their pool: structured clone would copy the pool whole. */
function detached(job: QueueJob): QueueJob {
  const cut = (entry: NewQueueEntry): NewQueueEntry =>
    'data' in entry.content ? { ...entry, content: { data: new Uint8Array(entry.content.data) } } : entry;
  if (job.kind === 'enqueue') return { ...job, entry: cut(job.entry) };
  return job.kind === 'settle' ? { ...job, reports: job.reports.map(cut) } : job;
}

/** For the socket `queue`. */
export function serveQueue(writer: Queue): RpcHandlers {
  return {
    async call(_method, argument) {
      const job = argument as QueueJob;
      if (job.kind === 'enqueue') return await writer.enqueue(job.entry);
      if (job.kind === 'act') return await writer.act(job.action, job.ids, job.now);
      if (job.kind === 'keep') {
        await writer.keep(job.envelopeId, job.entry, job.recipients);
        return null;
      }
      await writer.settle(job.id, job.outcomes, job.reports);
      return null;
    },
    stream: changesOf(writer),
  };
}

/** The stream of changes: one value at the beginning, and one after whatever changed since the last was taken. */
function changesOf(writer: Queue) {
  return async function* (_method: string, _argument: unknown, signal: AbortSignal): AsyncGenerator<null> {
    let changed = true;
    let wake: () => void = () => undefined;
    const listener = (): void => {
      changed = true;
      wake();
    };
    const stop = writer.onChange(listener);
    signal.addEventListener('abort', listener);
    try {
      while (!signal.aborted) {
        if (changed) {
          changed = false;
          yield null;
          continue;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      stop();
      signal.removeEventListener('abort', listener);
    }
  };
}

export interface QueueClientOptions {
  readonly data: string;
  readonly clock: Pick<Clock, 'after'>;
  /** Reaches `serveQueue` of the lease's holder; closed by its owner. */
  readonly rpc: RpcClient;
}

/** The `Queue` of all other processes: reads the file, sends writes. Until the first writer has made the file, reads are `unavailable`. */
export function openQueue({ data, clock, rpc }: QueueClientOptions): Queue {
  const listeners = new Set<() => void>();
  const stop = new AbortController();
  let following: Promise<void> | undefined;
  const write = (job: QueueJob): Promise<unknown> => rpc.call('write', job);
  const queue = makeQueue(data, write, listeners, async () => {
    stop.abort();
    await following;
  });
  return {
    ...queue,
    onChange(listener) {
      following ??= follow(rpc, clock, listeners, stop.signal);
      return queue.onChange(listener);
    },
  };
}

/** Milliseconds before a lost stream of changes is asked for again. */
const RETRY = 250;

async function follow(
  rpc: RpcClient,
  clock: Pick<Clock, 'after'>,
  listeners: Set<() => void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      // A new stream begins with a value: whatever happened in the gap is looked at then.
      for await (const _ of rpc.stream('changes', null, signal))
        for (const listener of Array.from(listeners)) listener();
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
    }
    await pause(clock, signal);
  }
}

function pause(clock: Pick<Clock, 'after'>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const cancel = clock.after(RETRY, end);
    function end(): void {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    }
    signal.addEventListener('abort', end, { once: true });
  });
}

function makeQueue(
  data: string,
  write: (job: QueueJob) => Promise<unknown>,
  listeners: Set<() => void>,
  close: () => Promise<void>,
): Queue {
  let open: { db: Database; reader: QueueReader } | undefined;
  let closed = false;
  const reader = () => {
    if (closed) throw new MailError('unavailable', 'the queue is closed');
    open ??= openReader(data);
    return open.reader;
  };
  return {
    enqueue: async (entry) => (await write({ kind: 'enqueue', entry })) as QueueId,
    settle: async (id, outcomes, reports) => {
      await write({ kind: 'settle', id, outcomes, reports });
    },
    act: async (action, ids, now) => (await write({ kind: 'act', action, ids, now })) as QueueId[],
    due: async (now, limit, except) => reader().due(now, limit, except),
    nextDue: async () => reader().nextDue(),
    get: async (id) => reader().get(id),
    list: async ({ after, limit }) => reader().list(after, limit),
    counts: async () => reader().counts(),
    track: async (envelopeId) => reader().track(envelopeId),
    outcomes: async (after, limit) => reader().outcomes(after, limit),
    lastMark: async () => reader().lastMark(),
    keep: async (envelopeId, entry, recipients) => {
      await write({ kind: 'keep', envelopeId, entry, recipients });
    },
    content: (id, start, end) => readContent(reader, data, id, start, end),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      if (closed) return;
      await close();
      closed = true;
      open?.db.close();
      listeners.clear();
    },
  };
}

function openReader(data: string): { db: Database; reader: QueueReader } {
  const db = openDatabase(queueFile(data), { migrations: QUEUE_MIGRATIONS, readOnly: true, cacheKb: 2_048 });
  return { db, reader: new QueueReader(db) };
}

const CHUNK = 262_144;

async function* readContent(
  reader: () => QueueReader,
  data: string,
  id: QueueId,
  start = 0,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array> {
  const found = reader().content(id);
  if (found === undefined) throw new MailError('no-such-message', 'no such queue entry');
  if (end <= start) return;
  if (found !== 'file') {
    const part = found.subarray(start, end);
    if (part.length > 0) yield part;
    return;
  }
  const file = contentFile(queueFolder(data), id);
  yield* createReadStream(file, { start, end: end - 1, highWaterMark: CHUNK }) as AsyncIterable<Uint8Array>;
}
