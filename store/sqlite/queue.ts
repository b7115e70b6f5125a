/**
 * The queue in SQLite (store/queue.ts). `openQueueWriter` is for the one process that holds the lease, an MTA worker, or a command without a
 * running system; `connectQueue` is for everybody else. Content over 256 KB is a file in `queue/`, the rest stands in its row.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { MailError } from '#mail/failure.ts';
import type { Clock, Log } from '#runtime/ambient.ts';
import type { RpcClient, RpcHandlers } from '#runtime/rpc/rpc.ts';
import type { NewQueueEntry, Queue, QueueEntry, QueueId } from '../queue.ts';
import { takeLease, tryLease, type WriteLease } from './lease.ts';
import type { QueueCall, ThreadAnswer } from './queue-calls.ts';
import type { StorableEntry } from './queue-tables.ts';

export interface QueueWriterOptions {
  /** The data folder. */
  readonly data: string;
  readonly log: Log;
  readonly clock: Clock;
  /** Waits for the lease until this aborts; without it, fails as `unavailable` at once when another holds it. */
  readonly wait?: AbortSignal;
}

export interface QueueWriter extends Queue {
  /** Serves the socket named `queue`. */
  readonly handlers: RpcHandlers;
}

const IN_ROW = 262_144;
const PIECE = 262_144;

export const queueFolder = (data: string): string => join(data, 'queue');

export async function openQueueWriter(options: QueueWriterOptions): Promise<QueueWriter> {
  const name = join(options.data, 'queue');
  const lease =
    options.wait === undefined
      ? tryLease(name, options.clock.now())
      : await takeLease(name, { now: () => options.clock.now(), signal: options.wait });
  if (lease === undefined) throw new MailError('unavailable', 'another process writes the queue');
  const folder = queueFolder(options.data);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const thread = new QueueThread(join(options.data, 'queue.sqlite'), folder);
  try {
    const kept = await thread.started;
    for (const left of readdirSync(folder)) if (!kept.has(left)) rmSync(join(folder, left));
  } catch (error) {
    lease.release();
    throw error;
  }
  return writerOver(thread, folder, lease, options.log);
}

function writerOver(thread: QueueThread, folder: string, lease: WriteLease, log: Log): QueueWriter {
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const perform = async (call: QueueCall): Promise<unknown> => {
    try {
      const value = await thread.ask(call);
      if (call.do === 'enqueue' || call.do === 'settle' || call.do === 'act') changed();
      return value;
    } catch (error) {
      log.error({ err: error, call: call.do }, 'the queue failed');
      throw error instanceof MailError
        ? error
        : new MailError('unavailable', 'the queue is not available', { cause: error });
    }
  };
  const queue = queueOver(perform, folder);
  const handlers: RpcHandlers = {
    call: (_method, argument) => perform(argument as QueueCall),
    stream: (_method, _argument, signal) => changeStream(listeners, signal),
  };
  return {
    ...queue,
    handlers,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      await thread.close();
      lease.release();
    },
  };
}

/** An item for each change, several at once made into one while the reader is busy. */
async function* changeStream(listeners: Set<() => void>, signal: AbortSignal): AsyncIterable<null> {
  let news = true;
  let wake: () => void = () => undefined;
  const listener = (): void => {
    news = true;
    wake();
  };
  listeners.add(listener);
  signal.addEventListener('abort', listener);
  try {
    while (!signal.aborted) {
      if (news) {
        news = false;
        yield null;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    listeners.delete(listener);
    signal.removeEventListener('abort', listener);
  }
}

export interface QueueClientOptions {
  readonly data: string;
  readonly rpc: RpcClient;
  readonly log: Log;
}

/** The queue of another process; closing it closes the connection. */
export function connectQueue({ data, rpc, log }: QueueClientOptions): Queue {
  const queue = queueOver((call) => rpc.call(call.do, call), queueFolder(data));
  return {
    ...queue,
    onChange(listener) {
      const ended = new AbortController();
      const follow = async (): Promise<void> => {
        for await (const _ of rpc.stream('changes', null, ended.signal)) listener();
      };
      follow().catch((error: unknown) => {
        if (!ended.signal.aborted) log.warn({ err: error }, 'lost sight of changes to the queue');
      });
      return () => ended.abort();
    },
    close: () => rpc.close(),
  };
}

function queueOver(perform: (call: QueueCall) => Promise<unknown>, folder: string): Omit<Queue, 'onChange' | 'close'> {
  const storable = (entry: NewQueueEntry): Promise<StorableEntry> => storeContent(entry, folder);
  return {
    async enqueue(entry) {
      const stored = await storable(entry);
      const id = (await perform({ do: 'enqueue', entry: stored })) as QueueId;
      // A repeat of a delivery id: the first entry stands, and so does its content.
      if (id !== entry.id && 'file' in stored.content) await rm(join(folder, entry.id), { force: true });
      return id;
    },
    async settle(id, outcomes, reports) {
      await perform({ do: 'settle', id, outcomes, reports: await Promise.all(reports.map(storable)) });
    },
    due: async (now, limit, except) => (await perform({ do: 'due', now, limit, except: [...except] })) as QueueEntry[],
    nextDue: async () => (await perform({ do: 'nextDue' })) as number | undefined,
    get: async (id) => (await perform({ do: 'get', id })) as QueueEntry | undefined,
    list: async ({ limit, after }) => (await perform({ do: 'list', limit, after })) as QueueEntry[],
    counts: async () => (await perform({ do: 'counts' })) as Awaited<ReturnType<Queue['counts']>>,
    act: async (action, ids, now) => (await perform({ do: 'act', action, ids, now })) as QueueId[],
    content: (id, start = 0, end = Number.POSITIVE_INFINITY) => contentOf(perform, folder, id, start, end),
  };
}

/** Content that goes into the row, or the file under the queue's name: durable before the row that refers to it. */
async function storeContent(entry: NewQueueEntry, folder: string): Promise<StorableEntry> {
  const { content } = entry;
  if ('data' in content && content.data.length <= IN_ROW) return { ...entry, content };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const target = join(folder, entry.id);
  if ('data' in content) {
    await synced(target, 'w', (file) => file.writeFile(content.data));
  } else {
    await synced(content.file, 'r+', async () => undefined);
    await rename(content.file, target);
  }
  await synced(folder, 'r', async () => undefined);
  return { ...entry, content: { file: true, size: 'data' in content ? content.data.length : content.size } };
}

async function synced(
  path: string,
  flags: string,
  use: (file: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await use(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function* contentOf(
  perform: (call: QueueCall) => Promise<unknown>,
  folder: string,
  id: QueueId,
  start: number,
  end: number,
): AsyncIterable<Uint8Array> {
  const found = (await perform({ do: 'content', id })) as { data: Uint8Array } | { file: true } | undefined;
  if (found === undefined) throw new MailError('no-such-message', `there is no message ${id} in the queue`);
  if ('data' in found) {
    for (let at = start; at < Math.min(end, found.data.length); at += PIECE) {
      yield found.data.subarray(at, Math.min(at + PIECE, end, found.data.length));
    }
    return;
  }
  const file = await open(join(folder, id), 'r');
  try {
    for (let at = start; at < end; ) {
      const { bytesRead, buffer } = await file.read(
        Buffer.allocUnsafe(Math.min(PIECE, end - at)),
        0,
        Math.min(PIECE, end - at),
        at,
      );
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The thread as its process sees it. */
class QueueThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #ended: Error | undefined;
  /** Ids of the entries whose content is a file. */
  readonly started: Promise<ReadonlySet<QueueId>>;

  constructor(file: string, folder: string) {
    this.#worker = new Worker(new URL('./queue-thread.ts', import.meta.url), { workerData: { file, folder } });
    const started = Promise.withResolvers<ReadonlySet<QueueId>>();
    this.started = started.promise;
    this.#worker.on('message', (message: ThreadAnswer | { files: QueueId[] }) => {
      if ('files' in message) started.resolve(new Set(message.files));
      else this.#answer(message);
    });
    const end = (error: Error): void => {
      this.#ended ??= error;
      started.reject(this.#ended);
      for (const { reject } of this.#waiting.values()) reject(this.#ended);
      this.#waiting.clear();
    };
    this.#worker.on('error', (error) => end(error as Error));
    this.#worker.on('exit', () => end(new MailError('unavailable', 'the queue is closed')));
  }

  ask(call: QueueCall): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const number = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, call });
    });
  }

  #answer(answer: ThreadAnswer): void {
    const waiting = this.#waiting.get(answer.number);
    this.#waiting.delete(answer.number);
    if ('error' in answer) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer.value);
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const gone = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.postMessage('close');
    await gone;
  }
}
