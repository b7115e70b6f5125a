/** The whole store in memory: the reference that other backends are measured by, and the store of unit tests. */
import { crc32 } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import type { Clock, Random } from '#runtime/ambient.ts';
import type { Changes, MailboxDelta, MailboxGlance, MailboxSnapshot, NoticeBatch } from '../change.ts';
import { newId } from '../ids.ts';
import type { Commit, CommitAnswer } from '../mutation.ts';
import {
  blocksOf,
  type PackedBlock,
  type PackedColumn,
  packedFrom,
  packRows,
  uidsOfBlock,
  unpackBlocks,
} from '../packed.ts';
import { DEFAULT_RETENTION, type Retention } from '../retention.ts';
import { evaluateSearch } from '../search/evaluate.ts';
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
import { intersect, single } from '../uid-set.ts';
import { collect } from './collect.ts';
import { runCommit } from './commit.ts';
import { expunged } from './expunged.ts';
import { recordKey } from './mutations/records.ts';
import { Notices } from './notices.ts';
import * as read from './read.ts';
import type { Account, MailboxState, State } from './state.ts';

const BATCH = 256;
const CHUNK = 262_144;

export interface MemoryStoreOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  /** Largest body that `stage` takes, in octets; unlimited when absent. */
  readonly largestBody?: number;
  readonly retention?: Partial<Retention>;
}

export class MemoryStore implements MailStore {
  readonly #options: MemoryStoreOptions;
  readonly #state: State = { accounts: new Map(), bodies: new Map() };
  readonly #notices: Notices;
  readonly #closed = new AbortController();

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
    this.#notices = new Notices(newId('commit', options.random));
  }

  async commit(commit: Commit): Promise<CommitAnswer> {
    this.#open();
    const { clock, random } = this.#options;
    const { answer, notice } = runCommit(this.#state, commit, clock.now(), random);
    if (notice !== undefined) this.#notices.add(notice);
    return answer;
  }

  async stage(_owner: AccountId, content: AsyncIterable<Uint8Array>): Promise<BodyRef> {
    this.#open();
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of content) {
      length += chunk.length;
      if (length > (this.#options.largestBody ?? Number.POSITIVE_INFINITY)) {
        throw new MailError('too-large', 'the message is too large');
      }
      chunks.push(Uint8Array.from(chunk));
    }
    const data = Buffer.concat(chunks);
    const id = newId('body', this.#options.random);
    this.#state.bodies.set(id, { data, references: 0, storedAt: this.#options.clock.now() });
    return { id, length, crc: crc32(data), codec: 'identity', key: null };
  }

  async accountState(access: Access): Promise<AccountState> {
    return read.accountState(this.#account(access));
  }

  async mailboxes(access: Access): Promise<MailboxList> {
    return read.mailboxList(this.#account(access));
  }

  async mailboxNamed(access: Access, name: string): Promise<Mailbox | undefined> {
    return read.mailboxList(this.#account(access)).mailboxes.find((mailbox) => mailbox.name === name);
  }

  async snapshot(access: Access, mailbox: MailboxId): Promise<MailboxSnapshot> {
    return read.snapshot(this.#account(access), this.#mailbox(access, mailbox));
  }

  async glance(access: Access, mailbox: MailboxId): Promise<MailboxGlance> {
    return read.glance(this.#account(access), this.#mailbox(access, mailbox));
  }

  async growth(access: Access, mailbox: MailboxId): Promise<ReadonlyMap<Uid, number>> {
    return read.growth(this.#mailbox(access, mailbox));
  }

  async sizes(access: Access, mailbox: MailboxId): Promise<MailboxSizes> {
    return read.sizes(this.#mailbox(access, mailbox));
  }

  async delta(access: Access, mailbox: MailboxId, since: ModSeq): Promise<MailboxDelta> {
    const account = this.#account(access);
    const removedAt = account.removed.get(mailbox);
    if (removedAt !== undefined) return read.removedDelta(account, removedAt);
    return read.delta(account, this.#mailbox(access, mailbox), since);
  }

  async changes(access: Access, since: ModSeq, limit: number): Promise<Changes> {
    return read.changes(this.#account(access), since, limit);
  }

  async *messages(
    access: Access,
    mailbox: MailboxId,
    uids: UidSet,
    columns: Columns,
    options?: { expunged?: boolean },
  ): AsyncIterable<readonly MessageRow[]> {
    const placements = read.select(this.#mailbox(access, mailbox), uids, options?.expunged === true);
    for (let i = 0; i < placements.length; i += BATCH) {
      yield placements.slice(i, i + BATCH).map((placement) => read.messageRow(this.#state, placement, columns));
    }
  }

  async *packed(
    access: Access,
    mailbox: MailboxId,
    uids: UidSet,
    columns: readonly PackedColumn[],
  ): AsyncIterable<readonly PackedBlock[]> {
    const { uidNext } = this.#mailbox(access, mailbox);
    for (const block of blocksOf(intersect(uids, [[1, uidNext]]))) {
      const rows: MessageRow[] = [];
      const from = packedFrom(columns);
      for await (const batch of this.messages(access, mailbox, [uidsOfBlock(block)], from)) rows.push(...batch);
      if (rows.length === 0) continue;
      yield unpackBlocks(packRows(rows, columns), columns);
    }
  }

  async *content(access: Access, mailbox: MailboxId, uid: Uid, start: number, end: number): AsyncIterable<Uint8Array> {
    const [placement] = read.select(this.#mailbox(access, mailbox), single(uid), true);
    if (placement === undefined) throw new MailError('no-such-message', 'no such message');
    const content = read.contentOf(this.#state, placement);
    const stop = Math.min(end, content.length);
    for (let at = Math.max(0, start); at < stop; at += CHUNK) yield content.subarray(at, Math.min(at + CHUNK, stop));
  }

  async placements(access: Access, messages: readonly MessageId[]): Promise<readonly Placed[]> {
    const wanted = new Set(messages);
    return read.placed(this.#account(access), ({ id }) => wanted.has(id));
  }

  async threadMessages(access: Access, threads: readonly ThreadId[]): Promise<readonly Placed[]> {
    const wanted = new Set(threads);
    return read.placed(this.#account(access), ({ thread }) => wanted.has(thread));
  }

  async expunged(access: Access, query: ExpungedQuery): Promise<ExpungedPage> {
    return expunged(this.#state, this.#account(access), query);
  }

  async search(access: Access, mailbox: MailboxId, query: SearchQuery): Promise<UidSet> {
    const rows = read.rowsOf(this.#mailbox(access, mailbox).placements);
    return evaluateSearch(query, {
      rows,
      now: this.#options.clock.now(),
      messages: (uids, columns) => this.messages(access, mailbox, uids, columns),
      content: (uid, start, end) => this.content(access, mailbox, uid, start, end),
    });
  }

  async outbox(owner: AccountId): Promise<readonly OutboxRow[]> {
    return this.#account({ owner, viewer: owner }).outbox;
  }

  async outboxOwners(kind: string): Promise<readonly AccountId[]> {
    this.#open();
    const owners = [...this.#state.accounts.values()].filter(({ outbox }) => outbox.some((row) => row.kind === kind));
    return owners.map(({ id }) => id);
  }

  async record(access: Access, kind: string, id: string): Promise<StoredRecord | undefined> {
    const found = this.#account(access).records.get(recordKey(kind, id));
    return found !== undefined && this.#isFresh(found) ? found : undefined;
  }

  async records(
    access: Access,
    kind: string,
    { before, limit }: { readonly before?: Pick<StoredRecord, 'created' | 'id'>; readonly limit: number },
  ): Promise<readonly StoredRecord[]> {
    const all = [...this.#account(access).records.values()].filter((one) => one.kind === kind && this.#isFresh(one));
    all.sort(lastFirst);
    const rest = before === undefined ? all : all.filter((one) => lastFirst(before, one) < 0);
    return rest.slice(0, limit);
  }

  #isFresh({ expiresAt }: StoredRecord): boolean {
    return expiresAt === undefined || expiresAt > this.#options.clock.now();
  }

  watch(cursor: string | undefined, signal: AbortSignal): AsyncIterable<NoticeBatch> {
    this.#open();
    return this.#notices.watch(cursor, AbortSignal.any([signal, this.#closed.signal]));
  }

  /** Lets go of what its retention no longer covers. */
  collect(): void {
    collect(this.#state, this.#options.clock.now(), { ...DEFAULT_RETENTION, ...this.#options.retention });
  }

  /** How many bodies are held, for tests of their collection. */
  get bodyCount(): number {
    return this.#state.bodies.size;
  }

  async close(): Promise<void> {
    this.#closed.abort();
  }

  #open(): void {
    if (this.#closed.signal.aborted) throw new MailError('unavailable', 'the store is closed');
  }

  #account(access: Access): Account {
    this.#open();
    if (access.viewer !== access.owner) throw new MailError('not-permitted', 'another one’s account');
    const account = this.#state.accounts.get(access.owner);
    if (account === undefined) throw new MailError('no-such-account', 'no such account');
    return account;
  }

  #mailbox(access: Access, id: MailboxId): MailboxState {
    const mailbox = this.#account(access).mailboxes.get(id);
    if (mailbox === undefined) throw new MailError('no-such-mailbox', 'no such mailbox');
    return mailbox;
  }
}

function lastFirst(a: Pick<StoredRecord, 'created' | 'id'>, b: Pick<StoredRecord, 'created' | 'id'>): number {
  return b.created - a.created || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}
