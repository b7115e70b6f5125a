/** What happened (STORE.md §3): the one log that CONDSTORE, IDLE, every session's untagged answers, REST's events, ETags and webhooks read. */
import type { AccountId, Flags, MailboxId, MessageId, ModSeq, Uid, UidSet } from './types.ts';

export type ChangeType =
  | 'message'
  | 'flags'
  | 'expunge'
  | 'mailbox'
  | 'subscription'
  | 'quota'
  | 'outbox'
  | 'record'
  | 'account';

/** One record of the account's log. A commit leaves as many as it touched things; all carry its modseq. */
export interface ChangeRecord {
  readonly modseq: ModSeq;
  readonly type: ChangeType;
  readonly mailbox?: MailboxId;
  /** With `message`, `flags` and `expunge`. */
  readonly uids?: UidSet;
  /** With `message` and `expunge`: the ids behind `uids`, each once, in no order. */
  readonly messages?: readonly MessageId[];
  /** For `mailbox`: created, removed or changed; `name` is its name after that. Removal also leaves an `expunge` record if there were messages. With `subscription` only the name. With `record`, `name` is its kind. */
  readonly act?: 'create' | 'remove' | 'change';
  readonly name?: string;
  /** With `record`: its id. What time took away leaves no trace. */
  readonly record?: string;
}

export type Changes =
  /** `modseq` is where to ask again from: the account's own, or when `limit` cut the list (between commits, never within one) the last record's. */
  | { readonly complete: true; readonly modseq: ModSeq; readonly records: readonly ChangeRecord[] }
  /** `since` lies below what the log still holds: read afresh. */
  | { readonly complete: false; readonly modseq: ModSeq };

/** The net effect on one mailbox since some modseq, as of one moment. */
export interface MailboxDelta {
  /** The account's modseq at which this was read: apply it and ask again from here. */
  readonly modseq: ModSeq;
  /** A rename may have given the mailbox another one (RFC 9051 §6.3.6): what was known of it counts no more. */
  readonly uidValidity: number;
  readonly highestModseq: ModSeq;
  readonly uidNext: Uid;
  /** New or with other flags since; ascending by UID. */
  readonly changed: PlacementRows;
  /** Expunged since (may over-report UIDs that came and went, never under-report: RFC 7162 §3.2.10). */
  readonly vanished: UidSet;
  /** False when tombstones no longer reach back to `since`: `vanished` is then every UID below uidNext that does not exist. */
  readonly complete: boolean;
  /** The mailbox is gone. */
  readonly removed: boolean;
}

/** Columns of placements, all of one length: `flags[i]` indexes `flagSets`, the distinct sets that occur. */
export interface PlacementRows {
  readonly uids: Uint32Array;
  readonly modseqs: Float64Array;
  readonly flags: Uint32Array;
  readonly flagSets: readonly Flags[];
}

/** A mailbox at one moment, from which a `MailboxView` (view.ts) is made and then kept current by deltas. */
export interface MailboxSnapshot extends PlacementRows {
  readonly mailbox: MailboxId;
  readonly uidValidity: number;
  readonly uidNext: Uid;
  readonly highestModseq: ModSeq;
  /** The account's modseq at which it was read. */
  readonly modseq: ModSeq;
}

/** What a client is told of a mailbox when it opens it, all of one moment, without a look at each message. */
export interface MailboxGlance {
  readonly uidValidity: number;
  readonly uidNext: Uid;
  readonly highestModseq: ModSeq;
  /** The account's modseq at which it was read. */
  readonly modseq: ModSeq;
  readonly messages: number;
  /** Keywords that its messages may have; perhaps with others of the account. */
  readonly keywords: Flags;
  /** The number of the first message without \\Seen; absent when there is none among the first hundred. */
  readonly firstUnseen?: number;
}

/** One line of the shard's commit sequence: a hint that the account has news, at least once, unordered across accounts. */
export interface Notice {
  readonly account: AccountId;
  readonly modseq: ModSeq;
  readonly types: readonly ChangeType[];
}

/** A watcher missed nothing if it hands back the last cursor; `rescan` tells it to look at every account that it cares for. */
export interface NoticeBatch {
  readonly cursor: string;
  readonly notices: readonly Notice[];
  readonly rescan: boolean;
}
