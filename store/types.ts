/** Words of the store that every file here uses. Everything is plain data: it crosses threads and sockets by structured clone. */
import type { DateTime, MessageIndex } from '#mail/mime/message-index.ts';

/** Random and stored, never counters, never derived (STORE.md §1): 1 to 64 of [A-Za-z0-9_-]. `ids.ts` makes them. */
export type AccountId = string;
export type MailboxId = string;
export type MessageId = string;
export type ThreadId = string;
export type BodyId = string;

/** RFC 9051 §2.3.1.1: 1 to 2^32-1, strictly ascending in a mailbox in the order in which they become visible. */
export type Uid = number;
/** The account's one counter: every commit takes the next (< 2^53). Never given out twice for different things. */
export type ModSeq = number;

/** Ascending, disjoint, not adjacent; both ends inclusive. `uid-set.ts` keeps it so. */
export type UidSet = readonly (readonly [first: Uid, last: Uid])[];

/** Who owns the data, and who looks at it or acts on it. They are the same until mailboxes are shared (STORE.md §6). */
export interface Access {
  readonly owner: AccountId;
  readonly viewer: AccountId;
}

/** RFC 6154 / RFC 8621 §2, without the backslash, lower case. */
export type Role = 'inbox' | 'archive' | 'drafts' | 'flagged' | 'important' | 'junk' | 'sent' | 'trash';

export interface Mailbox {
  readonly id: MailboxId;
  /** The whole path, levels separated by `/`, NFC. `INBOX` is spelt so. */
  readonly name: string;
  readonly role?: Role;
  readonly uidValidity: number;
  readonly uidNext: Uid;
  /** The greatest modseq of anything in the mailbox, expunges included (RFC 7162 §3.1.2.1). At least 1. */
  readonly highestModseq: ModSeq;
  readonly createdModseq: ModSeq;
  /** Counters kept by the writer, so that STATUS reads no message rows. */
  readonly messages: number;
  readonly unseen: number;
  readonly deleted: number;
  /** Sum of RFC822.SIZE. */
  readonly size: number;
}

export interface MailboxList {
  readonly modseq: ModSeq;
  readonly mailboxes: readonly Mailbox[];
  /** Subscribed names; a name may outlive its mailbox (RFC 9051 §6.3.7). */
  readonly subscribed: readonly string[];
}

export interface AccountState {
  readonly id: AccountId;
  readonly modseq: ModSeq;
  /** Octets used by messages that are not expunged, each placement counted (RFC 9208 STORAGE is this / 1024). */
  readonly usedBytes: number;
  readonly usedMessages: number;
  /** Octets; absent means unlimited. */
  readonly quotaBytes?: number;
}

/** Where a body is. The stager chooses the id; a commit that names an id already in the shard only counts a reference. */
export interface BodyRef {
  readonly id: BodyId;
  readonly length: number;
  /** CRC-32 (`node:zlib` crc32) of the body's octets. */
  readonly crc: number;
  /** How the stored octets are encoded, and with which key; there for compression and encryption by account. */
  readonly codec: 'identity';
  readonly key: null;
}

/** A small body travels inside the mutation; a larger one was staged before. */
export interface InlineBody extends BodyRef {
  readonly data: Uint8Array;
}

/** Bodies up to this many octets stand in the shard; larger ones are staged (STORE.md §5). */
export const INLINE_BODY_LIMIT = 16_384;

/** A message as it enters the store. `size` as clients see it is prefix + body. */
export interface NewMessage {
  readonly id: MessageId;
  readonly body: BodyRef | InlineBody;
  /** Trace fields that differ by recipient (Return-Path, Delivered-To), each ended by CRLF; empty for APPEND. */
  readonly prefix: Uint8Array;
  readonly index: MessageIndex;
  readonly internalDate: DateTime;
}

/** Where a message is. A message may be in several mailboxes, and several times in one. */
export interface Placed {
  readonly message: MessageId;
  readonly thread: ThreadId;
  readonly mailbox: MailboxId;
  readonly uid: Uid;
}

/** System flags as in RFC 9051 §2.3.2 (`\Seen`), keywords in the case in which the account first stored them; in no order (flags.ts); compared without case. */
export type Flags = readonly string[];
