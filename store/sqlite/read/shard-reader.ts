/** Reads of one shard over a connection of its own: on a reader thread, or (`near.ts`) on the thread that asks. */
import type { Log } from '#runtime/ambient.ts';
import type { SearchQuery } from '../../search-query.ts';
import type { ExpungedQuery } from '../../store.ts';
import type { Access, AccountId, MailboxId, MessageId, ModSeq, ThreadId, Uid, UidSet } from '../../types.ts';
import { type Database, openDatabase } from '../database.ts';
import { PackReader, type PackRequest } from '../packs/read.ts';
import { segmentFolder, shardFile } from '../paths.ts';
import { SCHEMA } from '../schema.ts';
import { accountState, changes, fewChanges, fewMailboxes, fewOutbox, mailboxes, outbox } from './account.ts';
import { BodyReader } from './bodies.ts';
import { expunged } from './expunged.ts';
import { glance } from './glance.ts';
import { MailboxFinder } from './mailbox-finder.ts';
import { type BatchRequest, type FewMessages, MessageReader } from './messages.ts';
import { PlacementFinder } from './placement-finder.ts';
import { delta, emptyDelta, smallDelta, smallSnapshot, snapshot } from './placements.ts';
import { outboxOwners, type RecordsRequest, record, records } from './records.ts';
import { search } from './search.ts';
import { growth, noGrowth, sizes, smallSizes } from './sizes.ts';
import { threadMessages } from './thread-messages.ts';

/** What can be asked, with the arguments after `access`. */
export type ReadRequest =
  | readonly ['accountState' | 'mailboxes' | 'outbox']
  /** As without `few-`, but `undefined` where there are many. */
  | readonly ['few-mailboxes' | 'few-outbox']
  | readonly ['few-changes', ModSeq, number]
  /** Of the whole shard: `access` is nobody's. */
  | readonly ['outbox-owners', string]
  | readonly ['record', string, string, number]
  | readonly ['records', RecordsRequest]
  | readonly ['mailbox', string]
  | readonly ['snapshot', MailboxId]
  /** As `snapshot`, but `undefined` where it takes long to read. */
  | readonly ['small-snapshot', MailboxId]
  | readonly ['glance', MailboxId]
  | readonly ['delta', MailboxId, ModSeq]
  /** As `delta`, but `undefined` where much has changed. */
  | readonly ['small-delta', MailboxId, ModSeq]
  | readonly ['sizes', MailboxId]
  /** As `sizes`, but `undefined` where it takes long to read. */
  | readonly ['small-sizes', MailboxId]
  | readonly ['growth', MailboxId]
  /** As `growth`, but `undefined` where that takes long to read. */
  | readonly ['no-growth', MailboxId]
  | readonly ['changes', ModSeq, number]
  | readonly ['messages', BatchRequest]
  | readonly ['packed', PackRequest]
  | readonly ['content', MailboxId, Uid, number, number]
  | readonly ['placements', readonly MessageId[]]
  /** As `placements`, but `undefined` where it takes long to read. */
  | readonly ['few-placements', readonly MessageId[]]
  | readonly ['expunged', ExpungedQuery]
  | readonly ['thread-messages', readonly ThreadId[]]
  | readonly ['search', MailboxId, SearchQuery, number];

const SOME_MAILBOX = `SELECT a.id, b.id, b.name FROM accounts a JOIN mailboxes b ON b.account = a.n
  WHERE a.id IS NOT NULL AND b.messages BETWEEN 1 AND 100 LIMIT 1`;
const REHEARSALS = 15;

/** A mailbox that has something in it. */
export interface Sample {
  readonly access: Access;
  readonly id: MailboxId;
  readonly name: string;
}

/** What is read first and most often, of a few messages. */
export function sampleReads(id: MailboxId, name: string): Exclude<ReadRequest, readonly ['search', ...unknown[]]>[] {
  const uids: UidSet = [[1, 3]];
  return [
    ['mailbox', name],
    ['glance', id],
    ['snapshot', id],
    ['messages', { mailbox: id, uids, columns: { content: true }, expunged: true }],
    ['packed', { mailbox: id, uids, columns: ['envelope'] }],
    ['small-delta', id, 0],
  ];
}

export class ShardReader {
  readonly #db: Database;
  readonly #bodies: BodyReader;
  readonly #messages: MessageReader;
  readonly #finder: MailboxFinder;
  readonly #packs: PackReader;
  readonly #placements: PlacementFinder;
  readonly #log: Log;

  constructor(data: string, shard: number, options: { log: Log; cacheKb: number }) {
    const log = options.log.child({ shard });
    this.#log = log;
    this.#db = openDatabase(shardFile(data, shard), {
      migrations: SCHEMA,
      readOnly: true,
      cacheKb: options.cacheKb,
    });
    this.#bodies = new BodyReader(this.#db, segmentFolder(data, shard), log);
    this.#messages = new MessageReader(this.#db, this.#bodies, log);
    this.#finder = new MailboxFinder(this.#db);
    this.#packs = new PackReader(this.#db, this.#messages, log);
    this.#placements = new PlacementFinder(this.#db);
  }

  /** Another number after each commit: nobody writes on this connection. */
  version(): number {
    return Number(this.#db.statement('PRAGMA data_version').get()?.data_version);
  }

  /** All of it belongs to one moment. */
  read(access: Access, request: Exclude<ReadRequest, readonly ['search', ...unknown[]]>): unknown {
    return this.#quick(access, request) ?? this.#db.read(() => this.#read(access, request));
  }

  /** What one statement answers: a transaction around it would cost as much again. */
  #quick(access: Access, request: Exclude<ReadRequest, readonly ['search', ...unknown[]]>): unknown {
    if (request[0] === 'accountState') return accountState(this.#db, access);
    if (request[0] === 'mailbox') return this.#finder.quick(access, request[1]);
    if (request[0] === 'small-delta') return emptyDelta(this.#db, access, request[1], request[2]);
    return undefined;
  }

  /** Messages for this very thread. */
  few(access: Access, request: BatchRequest): FewMessages {
    return this.#db.read(() => this.#messages.few(access, request));
  }

  /** In slices, between which others get their turn. */
  async search(access: Access, request: Extract<ReadRequest, readonly ['search', ...unknown[]]>): Promise<unknown> {
    const [, mailbox, query, now] = request;
    return await search(this.#db, this.#messages, this.#packs, access, mailbox, query, now);
  }

  /** Reads a little of some small mailbox as sessions will, so that statements are prepared and code is compiled before somebody waits for it. Answers which. */
  rehearse(): Sample | undefined {
    const row = this.#db.arrays(SOME_MAILBOX).get() as unknown as [AccountId, MailboxId, string] | undefined;
    if (!row) return undefined;
    const [owner, id, name] = row;
    const access = { owner, viewer: owner };
    for (let i = 0; i < REHEARSALS; i++) {
      // As of an account that nobody has asked for yet.
      new MailboxFinder(this.#db).quick(access, name);
      for (const request of sampleReads(id, name)) this.read(access, request);
    }
    return { access, id, name };
  }

  close(): void {
    this.#bodies.close();
    this.#db.close();
  }

  #read(access: Access, request: Exclude<ReadRequest, readonly ['search', ...unknown[]]>): unknown {
    const db = this.#db;
    switch (request[0]) {
      case 'accountState':
        return accountState(db, access);
      case 'mailboxes':
        return mailboxes(db, access);
      case 'mailbox':
        return this.#finder.find(access, request[1]);
      case 'few-mailboxes':
        return fewMailboxes(db, access);
      case 'outbox':
        return outbox(db, access);
      case 'few-outbox':
        return fewOutbox(db, access);
      case 'few-changes':
        return fewChanges(db, access, request[1], request[2]);
      case 'outbox-owners':
        return outboxOwners(db, request[1]);
      case 'record':
        return record(db, access, request[1], request[2], request[3]);
      case 'records':
        return records(db, access, request[1]);
      case 'snapshot':
        return snapshot(db, access, request[1]);
      case 'small-snapshot':
        return smallSnapshot(db, access, request[1]);
      case 'glance':
        return glance(db, access, request[1]);
      case 'sizes':
        return sizes(db, access, request[1]);
      case 'small-sizes':
        return smallSizes(db, access, request[1]);
      case 'growth':
        return growth(db, access, request[1]);
      case 'no-growth':
        return noGrowth(db, access);
      case 'delta':
        return delta(db, access, request[1], request[2]);
      case 'small-delta':
        return smallDelta(db, access, request[1], request[2]);
      case 'changes':
        return changes(db, access, request[1], request[2]);
      case 'messages':
        return this.#messages.batch(access, request[1]);
      case 'packed':
        return this.#packs.batch(access, request[1]);
      case 'placements':
        return this.#placements.find(access, request[1]);
      case 'few-placements':
        return this.#placements.findSoon(access, request[1]);
      case 'thread-messages':
        return threadMessages(db, access, request[1]);
      case 'expunged':
        return expunged(db, access, request[1], this.#log);
      case 'content':
        return this.#messages.content(access, request[1], request[2], request[3], request[4]);
    }
  }
}
