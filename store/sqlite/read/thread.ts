/** A reader thread: owns read-only connections to the shards, and no sockets (STORE.md §4). Answers in the order in which it can. */
import { parentPort, workerData } from 'node:worker_threads';
import { MailError } from '#mail/failure.ts';
import type { SearchQuery } from '../../search-query.ts';
import type { Access, MailboxId, ModSeq, Uid } from '../../types.ts';
import { type Database, openDatabase } from '../database.ts';
import { segmentFolder, shardFile } from '../paths.ts';
import { SCHEMA } from '../schema.ts';
import { type LogLine, threadLog } from '../thread-log.ts';
import { accountState, changes, mailboxes, outbox } from './account.ts';
import { BodyReader } from './bodies.ts';
import { type BatchRequest, MessageReader } from './messages.ts';
import { delta, snapshot } from './placements.ts';
import { search } from './search.ts';

export interface ReaderThreadData {
  readonly data: string;
}

/** What a reader can be asked, with the arguments after `access`. */
export type ReadRequest =
  | readonly ['accountState' | 'mailboxes' | 'outbox']
  | readonly ['snapshot', MailboxId]
  | readonly ['delta', MailboxId, ModSeq]
  | readonly ['changes', ModSeq, number]
  | readonly ['messages', BatchRequest]
  | readonly ['content', MailboxId, Uid, number, number]
  | readonly ['search', MailboxId, SearchQuery, number];

export type ToReader =
  | { readonly id: number; readonly shard: number; readonly access: Access; readonly request: ReadRequest }
  | { readonly close: true };

export type FromReader =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { readonly failure: MailError['failure']; readonly message: string } }
  | { readonly log: LogLine };

interface Shard {
  readonly db: Database;
  readonly bodies: BodyReader;
  readonly messages: MessageReader;
}

const port = parentPort!;
const { data } = workerData as ReaderThreadData;
const log = threadLog((line) => port.postMessage({ log: line } satisfies FromReader));
const shards = new Map<number, Shard>();

function shardOf(number: number): Shard {
  const known = shards.get(number);
  if (known) return known;
  const db = openDatabase(shardFile(data, number), { migrations: SCHEMA, readOnly: true, cacheKb: 16_384 });
  const shardLog = log.child({ shard: number });
  const bodies = new BodyReader(db, segmentFolder(data, number), shardLog);
  const shard = { db, bodies, messages: new MessageReader(db, bodies, shardLog) };
  shards.set(number, shard);
  return shard;
}

function read({ db, messages }: Shard, access: Access, request: ReadRequest): unknown {
  switch (request[0]) {
    case 'accountState':
      return accountState(db, access);
    case 'mailboxes':
      return mailboxes(db, access);
    case 'outbox':
      return outbox(db, access);
    case 'snapshot':
      return snapshot(db, access, request[1]);
    case 'delta':
      return delta(db, access, request[1], request[2]);
    case 'changes':
      return changes(db, access, request[1], request[2]);
    case 'messages':
      return messages.batch(access, request[1]);
    case 'content':
      return messages.content(access, request[1], request[2], request[3], request[4]);
    case 'search':
      throw new Error('search is no single read');
  }
}

async function answer(shard: Shard, access: Access, request: ReadRequest): Promise<unknown> {
  if (request[0] !== 'search') return shard.db.read(() => read(shard, access, request));
  return await search(shard.db, shard.messages, access, request[1], request[2], request[3]);
}

async function serve(message: Exclude<ToReader, { close: true }>): Promise<void> {
  const { id } = message;
  try {
    const value = await answer(shardOf(message.shard), message.access, message.request);
    port.postMessage({ id, value } satisfies FromReader, buffersOf(value));
  } catch (error) {
    if (!(error instanceof MailError)) log.error({ error, read: message.request[0] }, 'read failed');
    const { failure, message: text } =
      error instanceof MailError ? error : new MailError('unavailable', 'the store can not be read');
    port.postMessage({ id, error: { failure, message: text } } satisfies FromReader);
  }
}

/** What is handed over instead of copied. Pooled memory (small Buffers) is shared with others and must be copied. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (value === null || typeof value !== 'object') return [];
  const views = ArrayBuffer.isView(value) ? [value] : Object.values(value);
  const changed = (value as { changed?: object }).changed;
  if (changed) views.push(...Object.values(changed));
  const owned = views.filter(
    (view): view is Uint8Array<ArrayBuffer> =>
      ArrayBuffer.isView(view) && view.buffer instanceof ArrayBuffer && view.buffer.byteLength > Buffer.poolSize,
  );
  return [...new Set(owned.map((view) => view.buffer))];
}

port.on('message', (message: ToReader) => {
  if ('close' in message) {
    for (const { db, bodies } of shards.values()) {
      bodies.close();
      db.close();
    }
    port.close();
  } else void serve(message);
});
