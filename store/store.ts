/**
 * The message store: accounts, mailboxes, messages, bodies, changes, outbox. `STORE.md` is its contract in words,
 * `test/contract/store.ts` in tests; every backend passes that suite unchanged. Methods fail with `MailError`:
 * `no-such-account`, `no-such-mailbox`, `unavailable` (temporary, also for a wrong CRC); anything else is a fault.
 */
import type { DateTime, IndexedHeaders, PartNode } from '#mail/mime/message-index.ts';
import type { Changes, MailboxDelta, MailboxGlance, MailboxSnapshot, NoticeBatch } from './change.ts';
import type { Commit, CommitAnswer } from './mutation.ts';
import type { PackedBlock, PackedColumn } from './packed.ts';
import type { SearchQuery } from './search-query.ts';
import type {
  Access,
  AccountId,
  AccountState,
  BodyRef,
  Flags,
  Mailbox,
  MailboxId,
  MailboxList,
  MessageId,
  ModSeq,
  Placed,
  ThreadId,
  Uid,
  UidSet,
} from './types.ts';

export interface MailStore {
  /** Durable and visible when it answers. A failed precondition is an answer; a throw means that the outcome is unknown and the same commit id may be tried again. */
  commit(commit: Commit): Promise<CommitAnswer>;

  /** Stores a large body durably under a fresh random id; a commit must name it soon, or it is collected. Throws `too-large` over `limit`. */
  stage(owner: AccountId, content: AsyncIterable<Uint8Array>): Promise<BodyRef>;

  accountState(access: Access): Promise<AccountState>;
  mailboxes(access: Access): Promise<MailboxList>;
  /** The mailbox of that canonical name (names.ts); cheap, however many others there are. */
  mailboxNamed(access: Access, name: string): Promise<Mailbox | undefined>;

  snapshot(access: Access, mailbox: MailboxId): Promise<MailboxSnapshot>;
  /** What of a snapshot costs the same however large the mailbox is. */
  glance(access: Access, mailbox: MailboxId): Promise<MailboxGlance>;
  /** UIDs and sizes of all that is in the mailbox: what POP3 numbers (RFC 1939 §5). Their message ids are a packed column. */
  sizes(access: Access, mailbox: MailboxId): Promise<MailboxSizes>;
  /** Messages that are longer when they are sent as lines (`LineFacts`), and by how many octets: mostly none. */
  growth(access: Access, mailbox: MailboxId): Promise<ReadonlyMap<Uid, number>>;
  delta(access: Access, mailbox: MailboxId, since: ModSeq): Promise<MailboxDelta>;
  changes(access: Access, since: ModSeq, limit: number): Promise<Changes>;

  /**
   * The asked columns of the messages that exist, ascending by UID, in batches of bounded size. With `expunged`, placements that went
   * and are still retained are included, so that a session can serve what it has shown (RFC 2180 §4.1). `borrowed`
   * octets are the reader's only until it asks for the next batch, for their memory is used again.
   */
  messages(
    access: Access,
    mailbox: MailboxId,
    uids: UidSet,
    columns: Columns,
    options?: { expunged?: boolean; borrowed?: boolean },
  ): AsyncIterable<readonly MessageRow[]>;

  /**
   * Blocks of messages around `uids`, with more than those where they lie close, and perhaps without some: what is new, damaged or went may be
   * missing, or stand in it though it went. Whoever misses a message asks `messages` for it.
   */
  packed(
    access: Access,
    mailbox: MailboxId,
    uids: UidSet,
    columns: readonly PackedColumn[],
  ): AsyncIterable<readonly PackedBlock[]>;

  /** Octets [start, end) of prefix + body, in chunks of at most 256 KB; clipped to the content. Expunged but retained messages are served. */
  content(access: Access, mailbox: MailboxId, uid: Uid, start: number, end: number): AsyncIterable<Uint8Array>;

  /** Every placement of these messages, in no order; ids that the account doesn't have, or has no more, are passed over. */
  placements(access: Access, messages: readonly MessageId[]): Promise<readonly Placed[]>;

  /** Every placement of every message of these threads, in no order. Damaged messages may be missing. */
  threadMessages(access: Access, threads: readonly ThreadId[]): Promise<readonly Placed[]>;

  /**
   * Messages that are nowhere any more and whose content is still retained (retention.ts), the one that went last first. A message that went from several
   * mailboxes stands where it went last. `since` (milliseconds) leaves out what went before. A page holds at most `limit` of them, and may be short or empty
   * though there are more: `next` is the `before` of the next page, and absent from the last one.
   */
  expunged(access: Access, query: ExpungedQuery): Promise<ExpungedPage>;

  /** UIDs that match, ascending. */
  search(access: Access, mailbox: MailboxId, query: SearchQuery): Promise<UidSet>;

  /** The undrained outbox rows of one account, oldest first. */
  outbox(owner: AccountId): Promise<readonly OutboxRow[]>;
  /**
   * Accounts that have undrained rows of this kind, in no order: where a drainer begins; `watch` tells it of new ones. Where a part of the store can't be read its accounts
   * are missing, and `watch` answers `rescan` when it can be read again. Rejects as `unavailable` where nothing can be read.
   */
  outboxOwners(kind: string): Promise<readonly AccountId[]>;

  /** A record that has not expired. */
  record(access: Access, kind: string, id: string): Promise<StoredRecord | undefined>;
  /** Those of a kind, the one that was made last first; with `before`, those that follow that one in this order. */
  records(
    access: Access,
    kind: string,
    options: { readonly before?: Pick<StoredRecord, 'created' | 'id'>; readonly limit: number },
  ): Promise<readonly StoredRecord[]>;

  /**
   * Yields a batch whenever commits happened, beginning after `cursor` (absent: from now). The first batch comes at once, without
   * notices if there are none: every commit that answers after it is noticed, one by one or, in a part of the store that was out of reach, by
   * `rescan`. Ends when `signal` aborts.
   */
  watch(cursor: string | undefined, signal: AbortSignal): AsyncIterable<NoticeBatch>;

  /** Finishes what is in hand and lets go of files, threads and leases. */
  close(): Promise<void>;
}

/**
 * A small document of an account that is neither mail nor mailbox: a submission, a webhook. Whoever owns the kind knows what is in it; it changes
 * in commits along with everything else.
 */
export interface StoredRecord {
  readonly kind: string;
  readonly id: string;
  /** Of the commit that made it, and of the one that changed it last. */
  readonly created: ModSeq;
  readonly modseq: ModSeq;
  readonly value: string;
  readonly expiresAt?: number;
}

export interface ExpungedQuery {
  readonly before?: string;
  readonly since?: number;
  readonly limit: number;
}

export interface ExpungedPage {
  readonly messages: readonly ExpungedMessage[];
  readonly next?: string;
}

export interface ExpungedMessage {
  /** With `headers`, `parts` and `preview`; `uid` is the one that it had. */
  readonly row: MessageRow;
  readonly flags: Flags;
  /** Which mailbox it went from, under the name that it has now, or had when it was removed; absent where that isn't known any more. */
  readonly mailbox?: { readonly id: MailboxId; readonly name: string; readonly removed: boolean };
  /** Milliseconds since 1970. */
  readonly expungedAt: number;
}

/** With more messages than this a snapshot takes its time, and is worth a glance before. */
export const LARGE_MAILBOX = 500;

/** Which columns of a message are wanted; `content` gives whole messages up to `CONTENT_COLUMN_LIMIT`, larger ones come by `content()`. */
export interface Columns {
  readonly envelope?: boolean;
  readonly body?: boolean;
  readonly bodystructure?: boolean;
  readonly parts?: boolean;
  readonly headers?: boolean;
  readonly preview?: boolean;
  /** The raw header section of prefix + body, up to and including the empty line. */
  readonly rawHeader?: boolean;
  readonly content?: boolean;
}

export const CONTENT_COLUMN_LIMIT = 65_536;

export interface MessageRow {
  readonly uid: Uid;
  readonly message: MessageId;
  readonly thread: ThreadId;
  readonly internalDate: DateTime;
  /** Milliseconds since 1970: when it came into this mailbox (RFC 8514). */
  readonly savedAt: number;
  /** Octets of prefix + body: RFC822.SIZE. */
  readonly size: number;
  readonly prefixLength: number;
  readonly envelope?: Uint8Array;
  readonly body?: Uint8Array;
  readonly bodystructure?: Uint8Array;
  /** Offsets count from the start of the body: add `prefixLength` (message-index.ts). */
  readonly parts?: PartNode;
  readonly headers?: IndexedHeaders;
  readonly preview?: string;
  readonly rawHeader?: Uint8Array;
  readonly content?: Uint8Array;
  /** Whoever sends it as lines need not look at them: each ends with CRLF, the last too, and none begins with a dot. Otherwise that isn't known. */
  readonly plainLines?: boolean;
}

/** Columns of one length, ascending by UID, read at one moment. A size is octets of prefix + body. */
export interface MailboxSizes {
  readonly uids: Uint32Array;
  readonly sizes: Float64Array;
}

export interface OutboxRow {
  readonly id: string;
  readonly kind: string;
  readonly payload: Uint8Array;
  readonly createdAt: number;
  readonly notBefore?: number;
}
