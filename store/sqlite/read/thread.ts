/** A reader thread: owns read-only connections to the shards, and no sockets (STORE.md §4). Answers in the order in which it can. */
import { parentPort, workerData } from 'node:worker_threads';
import { MailError } from '#mail/failure.ts';
import type { Access } from '../../types.ts';
import { type LogLine, threadLog } from '../thread-log.ts';
import { useAgain } from './batch-memory.ts';
import { type ReadRequest, ShardReader } from './shard-reader.ts';

export interface ReaderThreadData {
  readonly data: string;
}

export type ToReader =
  | {
      readonly id: number;
      readonly shard: number;
      readonly access: Access;
      readonly request: ReadRequest;
      /** Memory of an earlier answer. */
      readonly memory?: ArrayBuffer;
    }
  | { readonly close: true };

export type FromReader =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { readonly failure: MailError['failure']; readonly message: string } }
  | { readonly log: LogLine };

const CACHE_KB = 16_384;

const port = parentPort!;
const { data } = workerData as ReaderThreadData;
const log = threadLog((line) => port.postMessage({ log: line } satisfies FromReader));
const shards = new Map<number, ShardReader>();

function shardOf(number: number): ShardReader {
  const known = shards.get(number);
  if (known) return known;
  const shard = new ShardReader(data, number, { log, cacheKb: CACHE_KB });
  shards.set(number, shard);
  return shard;
}

async function answer(shard: ShardReader, access: Access, request: ReadRequest): Promise<unknown> {
  return request[0] === 'search' ? await shard.search(access, request) : shard.read(access, request);
}

async function serve(message: Exclude<ToReader, { close: true }>): Promise<void> {
  const { id } = message;
  try {
    const value = await answer(shardOf(message.shard), message.access, message.request);
    port.postMessage({ id, value } satisfies FromReader, buffersOf(value));
  } catch (error) {
    if (!(error instanceof MailError)) log.error({ err: error, read: message.request[0] }, 'read failed');
    const { failure, message: text } =
      error instanceof MailError ? error : new MailError('unavailable', 'the store can not be read');
    port.postMessage({ id, error: { failure, message: text } } satisfies FromReader);
  }
}

/** What is handed over instead of copied. Pooled memory (small Buffers) is shared with others and must be copied. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (value === null || typeof value !== 'object') return [];
  const views = ArrayBuffer.isView(value) ? [value] : Object.values(value);
  const { changed, packs } = value as { changed?: object; packs?: object };
  for (const more of [changed, packs]) if (more) views.push(...Object.values(more));
  const owned = views.filter(
    (view): view is Uint8Array<ArrayBuffer> =>
      ArrayBuffer.isView(view) && view.buffer instanceof ArrayBuffer && view.buffer.byteLength > Buffer.poolSize,
  );
  return [...new Set(owned.map((view) => view.buffer))];
}

port.on('message', (message: ToReader) => {
  if ('close' in message) {
    for (const shard of shards.values()) shard.close();
    port.close();
    return;
  }
  if (message.memory !== undefined) useAgain(message.memory);
  void serve(message);
});
