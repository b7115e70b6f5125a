/**
 * A write is data (STORE.md §2): a list of plain mutations, all or nothing, idempotent by its id, grouped with its
 * neighbours under one fsync. Whoever asks chooses the random ids of what is created, so that later mutations of the
 * same commit can name them; a repeat of the commit returns the first answer, with the first ids.
 */
import type { Failure } from '#mail/failure.ts';
import type {
  AccountId,
  Flags,
  MailboxId,
  MessageId,
  ModSeq,
  NewMessage,
  Role,
  ThreadId,
  Uid,
  UidSet,
} from './types.ts';

export interface Commit {
  readonly owner: AccountId;
  readonly actor: AccountId;
  /** Scoped to the owner. The same id again returns the first answer and changes nothing. */
  readonly id: string;
  readonly mutations: readonly Mutation[];
}

export interface NewMailbox {
  readonly id: MailboxId;
  readonly name: string;
  readonly role?: Role;
  /** That of a mailbox which comes from elsewhere with its UIDs; else the store chooses. Fails with `conflict` unless greater than any that the name had. */
  readonly uidValidity?: number;
}

export type FlagChange = 'add' | 'remove' | 'replace';

export type Mutation =
  /** Assigns the next UID. Fails with `over-quota`, `no-such-mailbox`; `unavailable` if a staged body no longer resolves. */
  | {
      readonly type: 'add-message';
      readonly mailbox: MailboxId;
      readonly message: NewMessage;
      readonly flags: Flags;
      /** What it was elsewhere, in an archive or on another peer: its thread (unless the message is there already), and when it came into its mailbox. */
      readonly as?: { readonly thread: ThreadId; readonly savedAt: number };
    }
  /** UIDs that do not exist are passed over. With `unchangedSince`, placements with a greater modseq are left alone and reported (RFC 7162 §3.1.3). */
  | {
      readonly type: 'set-flags';
      readonly mailbox: MailboxId;
      readonly uids: UidSet;
      readonly change: FlagChange;
      readonly flags: Flags;
      readonly unchangedSince?: ModSeq;
    }
  /** Changes nothing. Fails with `conflict` unless each of the UIDs is there and none has changed since: what follows in the commit is made of what was seen then. */
  | {
      readonly type: 'require-unchanged';
      readonly mailbox: MailboxId;
      readonly uids: UidSet;
      readonly since: ModSeq;
    }
  /** Changes nothing. Fails with `conflict` unless the account's last commit is `since`: what follows is made of all that was seen then. */
  | { readonly type: 'require-account'; readonly since: ModSeq }
  /** Copies in ascending order of UID, keeping message id, flags and internal date; the same mailbox is allowed. */
  | { readonly type: 'copy'; readonly from: MailboxId; readonly uids: UidSet; readonly to: MailboxId }
  /** As `copy`, and the originals go in the same commit (RFC 6851). */
  | { readonly type: 'move'; readonly from: MailboxId; readonly uids: UidSet; readonly to: MailboxId }
  /** Removes those of `uids` (all when absent) that exist; `onlyDeleted` restricts it to those with \Deleted (RFC 9051 §6.4.3). */
  | { readonly type: 'expunge'; readonly mailbox: MailboxId; readonly uids?: UidSet; readonly onlyDeleted: boolean }
  /**
   * Brings back messages that are nowhere any more and still retained: into `to`, or (absent) each into the mailbox that it went from last. If that is gone, into
   * the one that has its name now, or one that is made under that name; INBOX where the name is not known. Each gets a new UID, in the order given, and keeps its id, thread,
   * internal date and flags without \Deleted. Fails with `over-quota`, `no-such-mailbox`, and `limit-exceeded` over `RESTORE_LIMIT` messages.
   */
  | { readonly type: 'restore'; readonly messages: readonly MessageId[]; readonly to?: MailboxId }
  /** Missing parents are not made here: the caller adds a mutation for each. Fails with `exists`. */
  | ({ readonly type: 'create-mailbox' } & NewMailbox)
  /** The next message gets at least this UID (RFC 9051 §2.3.1.1 allows gaps); never lowers it. */
  | { readonly type: 'raise-uid-next'; readonly mailbox: MailboxId; readonly uidNext: Uid }
  /** Removes the mailbox and its messages; never INBOX (`not-permitted`). Children stay; a parent without a row of its own is the protocol's \NonExistent. */
  | { readonly type: 'delete-mailbox'; readonly mailbox: MailboxId }
  /** Renames one row, or with `children` every descendant too. Fails with `exists`. Renaming INBOX is composed by the caller from create + move. */
  | {
      readonly type: 'rename-mailbox';
      readonly mailbox: MailboxId;
      readonly name: string;
      readonly children: boolean;
      /** What the mailbox itself got when it was renamed elsewhere: as in `NewMailbox`. */
      readonly uidValidity?: number;
    }
  | { readonly type: 'set-role'; readonly mailbox: MailboxId; readonly role: Role | null }
  | { readonly type: 'subscribe'; readonly name: string; readonly subscribed: boolean }
  /** `null` is unlimited. */
  | { readonly type: 'set-quota'; readonly bytes: number | null }
  /** Creates the account's rows: INBOX (under a random id when it is not in the list) and the mailboxes given. Fails with `exists`. */
  | {
      readonly type: 'create-account';
      readonly mailboxes: readonly NewMailbox[];
    }
  /** Removes every row of the account. The directory was marked first (STORE.md §1). */
  | { readonly type: 'delete-account' }
  /** An act that leaves the account (redirect, vacation, submission, webhook): drained after the commit, at least once. */
  | {
      readonly type: 'enqueue-outbox';
      readonly id: string;
      readonly kind: string;
      readonly payload: Uint8Array;
      readonly notBefore?: number;
    }
  | { readonly type: 'finish-outbox'; readonly id: string }
  /**
   * Makes a record or replaces its value. With `ifAbsent` it fails with `exists` where there is one; with `ifModseq` with `conflict` where there is none
   * or it has changed since. Fails with `too-large` over `RECORD_LIMIT`.
   */
  | {
      readonly type: 'put-record';
      readonly kind: string;
      readonly id: string;
      /** Text, JSON as a rule, of whoever owns the kind. */
      readonly value: string;
      /** Milliseconds since 1970, after which it may be gone; absent: it stays. */
      readonly expiresAt?: number;
      readonly ifAbsent?: boolean;
      readonly ifModseq?: ModSeq;
    }
  /** Of an unknown id is no failure, but with `ifModseq` (`conflict`). */
  | { readonly type: 'remove-record'; readonly kind: string; readonly id: string; readonly ifModseq?: ModSeq };

/** Messages of one `restore`: the writer does it in one go. */
export const RESTORE_LIMIT = 500;

/** Octets of a record's value in UTF-8. */
export const RECORD_LIMIT = 4_194_304;

export type MutationType = Mutation['type'];

/*
 * Rules for every mutation. A successful commit takes the account's next modseq even if it changed nothing. Fails with `no-such-account`
 * before the account was created and after it was deleted (a repeat too: commit ids go with the account), `not-permitted` when actor and
 * owner differ, `bad-request` for ids and names that can't be (ids.ts, names.ts), `exists` for an id that is taken. `add-message` under
 * the id of a message that the account still has makes one more placement of that message. A role is held by one mailbox of an account
 * (`exists`), `inbox` by INBOX alone (`not-permitted`), which can't be renamed (`not-permitted`). `finish-outbox` of an unknown id is no failure.
 */

export interface Restored {
  readonly message: MessageId;
  readonly mailbox: MailboxId;
  readonly uidValidity: number;
  readonly uid: Uid;
}

/** What was assigned, in the order of the mutations. */
export type MutationResult =
  | {
      readonly type: 'add-message';
      readonly uidValidity: number;
      readonly uid: Uid;
      readonly message: MessageId;
      readonly thread: ThreadId;
    }
  /**
   * `changed`: placements that now have this commit's modseq. `modified`: refused by `unchangedSince`. A change to equal flags counts as no change.
   * `flags`: those of the mutation as the account spells them, ready for `changeFlags`.
   */
  | { readonly type: 'set-flags'; readonly changed: UidSet; readonly modified: UidSet; readonly flags: Flags }
  /** `sources[i]` became `targets[i]`; both ascending and equally long once expanded. */
  | { readonly type: 'copy' | 'move'; readonly uidValidity: number; readonly sources: UidSet; readonly targets: UidSet }
  | { readonly type: 'expunge'; readonly expunged: UidSet }
  /** `present`: those that are somewhere. `missing`: those that the account never had, or has no more. Each id stands in one of the three, once. */
  | {
      readonly type: 'restore';
      readonly restored: readonly Restored[];
      readonly present: readonly MessageId[];
      readonly missing: readonly MessageId[];
    }
  | { readonly type: 'create-mailbox'; readonly id: MailboxId; readonly uidValidity: number }
  | {
      readonly type: Exclude<
        MutationType,
        'add-message' | 'set-flags' | 'copy' | 'move' | 'expunge' | 'restore' | 'create-mailbox'
      >;
    };

export type CommitAnswer =
  | {
      readonly ok: true;
      readonly modseq: ModSeq;
      readonly repeated: boolean;
      readonly results: readonly MutationResult[];
    }
  /** Nothing was changed. `mutation` is the index of the one whose precondition failed. */
  | { readonly ok: false; readonly failure: Failure; readonly mutation: number; readonly text: string };
