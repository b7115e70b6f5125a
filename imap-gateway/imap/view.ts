/**
 * What a session needs of a mailbox's view (STORE.md §4): UIDs, modseqs and flags in columns, shared by all sessions of the process and kept current from
 * the log. `shared-views.ts` makes one from the store.
 */
import type { Access, Flags, MailboxId, ModSeq, Uid, UidSet } from '#store/types.ts';
import type { Changed } from './numbering.ts';

export interface Views {
  /** The view of a mailbox, up to date. Throws `no-such-mailbox`. Each caller releases its own. */
  open(access: Access, mailbox: MailboxId): Promise<View>;
}

/** What one session holds of a shared view. */
export interface View {
  readonly uidValidity: number;
  /** As of the last `sync`. */
  readonly uidNext: Uid;
  readonly highestModseq: ModSeq;
  /** The mailbox is gone; the columns stay as they were. */
  readonly removed: boolean;
  /** Ascending; changes its identity when it changes. */
  readonly uids: Uint32Array;
  /**
   * Flags and modseq of a placement, also of one that went while this session still knows it; `undefined` for a UID that never was here.
   */
  placement(uid: Uid): Placement | undefined;
  /** Every placement from `first` to `last` that exists, ascending, without an object for each. */
  scan(first: Uid, last: Uid, visit: (uid: Uid, flags: Flags, modseq: ModSeq) => void): void;
  /** The distinct sets of flags that occur. */
  readonly flagSets: readonly Flags[];
  /** The first placement without \Seen (SELECT's UNSEEN); `undefined` when all are seen. */
  firstUnseen(): Uid | undefined;
  /** Reads what was committed up to now. */
  sync(): Promise<void>;
  /** What has happened since this session took it last. */
  take(): ViewChange;
  /** True when `take` would answer something. */
  readonly news: boolean;
  /** Calls back (once a change, at most once until `take`) when there is news; the returned function ends it. */
  onNews(callback: () => void): () => void;
  release(): void;
}

export interface Placement {
  readonly flags: Flags;
  readonly modseq: ModSeq;
}

export interface ViewChange {
  readonly changed: Changed;
  readonly vanished: UidSet;
}
