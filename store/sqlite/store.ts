/**
 * The SQLite backend as its clients see it: reads on threads of this process, writes through whoever holds the shard's
 * lease, be it this process or another one behind a socket (STORE.md §2, §4).
 */
import { join } from 'node:path';
import { MailError } from '#mail/failure.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import { createRpcClient } from '#runtime/rpc/client.ts';
import type { RpcClient } from '#runtime/rpc/rpc.ts';
import { systemRandom } from '#runtime/system.ts';
import type { Changes, MailboxDelta, MailboxGlance, MailboxSnapshot, NoticeBatch } from '../change.ts';
import type { Commit, CommitAnswer } from '../mutation.ts';
import { type PackedBlock, type PackedColumn, unpackBlocks } from '../packed.ts';
import type { Retention } from '../retention.ts';
import type { SearchQuery } from '../search-query.ts';
import type {
  Columns,
  ExpungedPage,
  ExpungedQuery,
  MailboxSizes,
  MailStore,
  MessageRow,
  OutboxRow,
  StoredRecord,
} from '../store.ts';
import type {
  Access,
  AccountId,
  AccountState,
  BodyRef,
  Mailbox,
  MailboxId,
  MailboxList,
  MessageId,
  ModSeq,
  Placed,
  ThreadId,
  Uid,
  UidSet,
} from '../types.ts';
import { EveryShard } from './every-shard.ts';
import { packJob } from './job.ts';
import { type PackedBatch, unpackBatches } from './notices.ts';
import { packMessage } from './pack.ts';
import type { PackBatch } from './packs/read.ts';
import { segmentFolder, shardSocket } from './paths.ts';
import { type MessageBatch, unpackRows } from './read/message-rows.ts';
import type { FewMessages } from './read/messages.ts';
import { ReaderPool } from './read/pool.ts';
import type { ReadRequest, Sample } from './read/shard-reader.ts';
import { Stager } from './segment.ts';
import { watchShards } from './watch.ts';
import type { PackedMutation } from './work.ts';
import { openShardWriter, type ShardWriter } from './writer.ts';

export interface MailStoreOptions {
  /** The data folder. */
  readonly data: string;
  readonly shards: number;
  /** Which shard an account lives in; throws `no-such-account`. The directory knows. */
  readonly locate: (account: AccountId) => Promise<number>;
  readonly log: Log;
  readonly clock: Clock;
  readonly random?: Random;
  /** The writers that this process holds at the moment; commits for other shards go to their sockets. */
  readonly writers?: (shard: number) => ShardWriter | undefined;
  /** Where the sockets `store-N.sock` are; `<data>/run` when absent. */
  readonly socketDirectory?: string;
  /** Without a running system: takes the lease of a shard when it is first written to, and fails as `unavailable` if another has it. */
  readonly own?: boolean;
  readonly retention?: Partial<Retention>;
  /** Threads for reads. */
  readonly readers?: number;
  /** Largest body that `stage` takes, in octets. */
  readonly largestBody?: number;
  /** Milliseconds that a commit waits for its answer, a change of writers included. */
  readonly commitDeadline?: number;
}

const READERS = 2;
const COMMIT_DEADLINE = 30_000;
const PIECE = 262_144;
/** Messages that are found on the thread that asks: some 15 µs each. */
const FEW_MESSAGES = 50;
/** Accounts whose shard is remembered. */
const LOCATED = 10_000;

export interface SqliteMailStore extends MailStore {
  /** Opens the shards for reading and starts a thread, so that nobody waits for that later. Answers a few mailboxes with messages. */
  warm(): Promise<readonly Sample[]>;
}

export function openMailStore(options: MailStoreOptions): SqliteMailStore {
  return new SqliteStore(options);
}

class SqliteStore implements SqliteMailStore {
  readonly #options: MailStoreOptions;
  readonly #readers: ReaderPool;
  readonly #every: EveryShard;
  readonly #shards = new Map<AccountId, number>();
  readonly #clients = new Map<number, RpcClient>();
  readonly #owned = new Map<number, Promise<ShardWriter>>();
  readonly #stagers = new Map<number, Stager>();
  readonly #closed = new AbortController();

  constructor(options: MailStoreOptions) {
    this.#options = options;
    const { data, log, clock } = options;
    this.#readers = new ReaderPool({ data, log, threads: options.readers ?? READERS });
    const shards = Array.from({ length: options.shards }, (_, shard) => shard);
    this.#every = new EveryShard({ shards, clock, log });
  }

  async commit(commit: Commit): Promise<CommitAnswer> {
    this.#open();
    let shard: number;
    try {
      shard = await this.#options.locate(commit.owner);
    } catch (error) {
      if (!(error instanceof MailError) || error.failure !== 'no-such-account') throw error;
      return { ok: false, failure: error.failure, mutation: 0, text: error.message };
    }
    const { owner, actor, id } = commit;
    const mutations = commit.mutations.map(packMutation);
    const job = packJob({ kind: 'commit', commit: { owner, actor, id, mutations } });
    const answer = (await this.#send(shard, 'commit', job)) as CommitAnswer;
    this.#readers.changed(shard);
    return answer;
  }

  async stage(owner: AccountId, content: AsyncIterable<Uint8Array>): Promise<BodyRef> {
    this.#open();
    const shard = await this.#options.locate(owner);
    const body = await this.#stager(shard).stage(content);
    // Known to the shard before anybody can name it.
    await this.#send(shard, 'register', packJob({ kind: 'register', body }));
    const { id, length, crc, codec, key } = body;
    return { id, length, crc, codec, key };
  }

  warm(): Promise<readonly Sample[]> {
    return this.#readers.warm(this.#options.shards);
  }

  async accountState(access: Access): Promise<AccountState> {
    return (await this.#read(access, ['accountState'])) as AccountState;
  }

  async mailboxes(access: Access): Promise<MailboxList> {
    const few = await this.#read(access, ['few-mailboxes']);
    return (few ?? (await this.#read(access, ['mailboxes']))) as MailboxList;
  }

  async mailboxNamed(access: Access, name: string): Promise<Mailbox | undefined> {
    return (await this.#read(access, ['mailbox', name])) as Mailbox | undefined;
  }

  async snapshot(access: Access, mailbox: MailboxId): Promise<MailboxSnapshot> {
    const small = await this.#read(access, ['small-snapshot', mailbox]);
    return (small ?? (await this.#read(access, ['snapshot', mailbox]))) as MailboxSnapshot;
  }

  async sizes(access: Access, mailbox: MailboxId): Promise<MailboxSizes> {
    const small = await this.#read(access, ['small-sizes', mailbox]);
    return (small ?? (await this.#read(access, ['sizes', mailbox]))) as MailboxSizes;
  }

  async growth(access: Access, mailbox: MailboxId): Promise<ReadonlyMap<Uid, number>> {
    const none = await this.#read(access, ['no-growth', mailbox]);
    return (none ?? (await this.#read(access, ['growth', mailbox]))) as ReadonlyMap<Uid, number>;
  }

  async glance(access: Access, mailbox: MailboxId): Promise<MailboxGlance> {
    return (await this.#read(access, ['glance', mailbox])) as MailboxGlance;
  }

  async delta(access: Access, mailbox: MailboxId, since: ModSeq): Promise<MailboxDelta> {
    const small = await this.#read(access, ['small-delta', mailbox, since]);
    return (small ?? (await this.#read(access, ['delta', mailbox, since]))) as MailboxDelta;
  }

  async changes(access: Access, since: ModSeq, limit: number): Promise<Changes> {
    const few = await this.#read(access, ['few-changes', since, limit]);
    return (few ?? (await this.#read(access, ['changes', since, limit]))) as Changes;
  }

  async *messages(
    access: Access,
    mailbox: MailboxId,
    uids: UidSet,
    columns: Columns,
    options?: { expunged?: boolean; borrowed?: boolean },
  ): AsyncGenerator<readonly MessageRow[]> {
    const expunged = options?.expunged === true;
    const ask = async (left: UidSet): Promise<MessageBatch | FewMessages> =>
      (await this.#read(access, ['messages', { mailbox, uids: left, columns, expunged }])) as
        | MessageBatch
        | FewMessages;
    let damaged = 0;
    let next: Promise<MessageBatch | FewMessages> | undefined = ask(uids);
    while (next) {
      const batch: MessageBatch | FewMessages = await next;
      const rest: UidSet = batch.rest;
      damaged += batch.damaged;
      if ('rows' in batch) {
        // On this thread: not before it is wanted, for whoever needs no more doesn't come back.
        if (batch.rows.length > 0) yield batch.rows;
        next = rest.length > 0 ? ask(rest) : undefined;
        continue;
      }
      // The next batch is read while this one is used.
      next = rest.length > 0 ? ask(rest) : undefined;
      next?.catch(() => undefined); // thrown where it is awaited, if anybody still asks
      const rows = unpackRows(batch, columns);
      if (rows.length > 0) yield rows;
      if (options?.borrowed === true) this.#readers.useAgain(batch.bytes);
    }
    if (damaged > 0) throw new MailError('unavailable', 'some messages can not be read');
  }

  async *packed(
    access: Access,
    mailbox: MailboxId,
    uids: UidSet,
    columns: readonly PackedColumn[],
  ): AsyncGenerator<readonly PackedBlock[]> {
    const ask = async (left: UidSet): Promise<PackBatch> =>
      (await this.#read(access, ['packed', { mailbox, uids: left, columns }])) as PackBatch;
    let next: Promise<PackBatch> | undefined = ask(uids);
    while (next) {
      const batch: PackBatch = await next;
      next = batch.rest.length > 0 ? ask(batch.rest) : undefined;
      next?.catch(() => undefined); // thrown where it is awaited, if anybody still asks
      yield unpackBlocks(batch.packs, columns);
    }
  }

  async *content(access: Access, mailbox: MailboxId, uid: Uid, start: number, end: number): AsyncGenerator<Uint8Array> {
    for (let at = Math.max(0, start); at < end; ) {
      const to = Math.min(end, at + PIECE);
      const piece = (await this.#read(access, ['content', mailbox, uid, at, to])) as Uint8Array;
      if (piece.length > 0) yield piece;
      if (piece.length < to - at) return; // the content ends here
      at = to;
    }
  }

  async placements(access: Access, messages: readonly MessageId[]): Promise<readonly Placed[]> {
    const few = messages.length <= FEW_MESSAGES ? await this.#read(access, ['few-placements', messages]) : undefined;
    return (few ?? (await this.#read(access, ['placements', messages]))) as readonly Placed[];
  }

  async threadMessages(access: Access, threads: readonly ThreadId[]): Promise<readonly Placed[]> {
    return (await this.#read(access, ['thread-messages', threads])) as readonly Placed[];
  }

  async expunged(access: Access, query: ExpungedQuery): Promise<ExpungedPage> {
    return (await this.#read(access, ['expunged', query])) as ExpungedPage;
  }

  async search(access: Access, mailbox: MailboxId, query: SearchQuery): Promise<UidSet> {
    return (await this.#read(access, ['search', mailbox, query, this.#options.clock.now()])) as UidSet;
  }

  async outbox(owner: AccountId): Promise<readonly OutboxRow[]> {
    const access = { owner, viewer: owner };
    const few = await this.#read(access, ['few-outbox']);
    return (few ?? (await this.#read(access, ['outbox']))) as readonly OutboxRow[];
  }

  async outboxOwners(kind: string): Promise<readonly AccountId[]> {
    this.#open();
    const nobody = { owner: '', viewer: '' };
    const ask = (shard: number): Promise<unknown> => this.#readers.read(shard, nobody, ['outbox-owners', kind]);
    return await this.#every.ask(async (shard) => (await ask(shard)) as readonly AccountId[]);
  }

  async record(access: Access, kind: string, id: string): Promise<StoredRecord | undefined> {
    return (await this.#read(access, ['record', kind, id, this.#options.clock.now()])) as StoredRecord | undefined;
  }

  async records(
    access: Access,
    kind: string,
    options: { readonly before?: Pick<StoredRecord, 'created' | 'id'>; readonly limit: number },
  ): Promise<readonly StoredRecord[]> {
    const request = { kind, ...options, now: this.#options.clock.now() };
    return (await this.#read(access, ['records', request])) as readonly StoredRecord[];
  }

  watch(cursor: string | undefined, signal: AbortSignal): AsyncIterable<NoticeBatch> {
    this.#open();
    const both = AbortSignal.any([signal, this.#closed.signal]);
    const watch = this.#watchShard.bind(this);
    const { shards } = this.#every;
    return watchShards({ shards, watch, onReturn: (listener) => this.#every.onReturn(listener) }, cursor, both);
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    this.#every.close();
    await this.#readers.close();
    await Promise.all(Array.from(this.#stagers.values(), (stager) => stager.close()));
    await Promise.all(Array.from(this.#clients.values(), (client) => client.close()));
    for (const owned of this.#owned.values()) {
      const writer = await owned.catch(() => undefined);
      await writer?.close();
    }
  }

  #open(): void {
    if (this.#closed.signal.aborted) throw new MailError('unavailable', 'the store is closed');
  }

  async #read(access: Access, request: ReadRequest): Promise<unknown> {
    this.#open();
    return await this.#readers.read(
      this.#shards.get(access.owner) ?? (await this.#locate(access.owner)),
      access,
      request,
    );
  }

  /** For reads: an account that has left its shard is not found there. */
  async #locate(owner: AccountId): Promise<number> {
    const shard = await this.#options.locate(owner);
    if (this.#shards.size >= LOCATED) this.#shards.clear();
    this.#shards.set(owner, shard);
    return shard;
  }

  async #writer(shard: number): Promise<ShardWriter | undefined> {
    const held = this.#options.writers?.(shard);
    if (held || this.#options.own !== true) return held;
    const owned = this.#owned.get(shard) ?? this.#takeShard(shard);
    return await owned;
  }

  #takeShard(shard: number): Promise<ShardWriter> {
    const { data, log, clock, retention } = this.#options;
    const opened = openShardWriter({ data, shard, log, clock, ...(retention && { retention }) });
    this.#owned.set(shard, opened);
    opened.catch(() => this.#owned.delete(shard));
    return opened;
  }

  async #send(shard: number, method: 'commit' | 'register', job: Uint8Array): Promise<unknown> {
    const writer = await this.#writer(shard);
    if (!writer) return await this.#client(shard).call(method, job);
    return method === 'commit' ? await writer.commit(job) : await writer.register(job);
  }

  async *#watchShard(shard: number, cursor: string | undefined, signal: AbortSignal): AsyncGenerator<NoticeBatch> {
    const writer = await this.#writer(shard);
    if (writer) yield* writer.watch(cursor, signal);
    else yield* unpackBatches(this.#client(shard).stream('notices', cursor, signal) as AsyncIterable<PackedBatch>);
  }

  #client(shard: number): RpcClient {
    const known = this.#clients.get(shard);
    if (known) return known;
    const { data, socketDirectory, commitDeadline } = this.#options;
    const connect = shardSocket(socketDirectory ?? join(data, 'run'), shard);
    const client = createRpcClient({ connect, deadlineMs: commitDeadline ?? COMMIT_DEADLINE });
    this.#clients.set(shard, client);
    return client;
  }

  #stager(shard: number): Stager {
    const known = this.#stagers.get(shard);
    if (known) return known;
    const { data, clock, random, largestBody } = this.#options;
    const stager = new Stager({
      folder: segmentFolder(data, shard),
      random: random ?? systemRandom,
      now: () => clock.now(),
      largestBody: largestBody ?? Number.POSITIVE_INFINITY,
    });
    this.#stagers.set(shard, stager);
    return stager;
  }
}

function packMutation(mutation: Commit['mutations'][number]): PackedMutation {
  return mutation.type === 'add-message' ? { ...mutation, message: packMessage(mutation.message) } : mutation;
}
