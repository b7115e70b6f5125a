/** What the memory backend holds. Plain, mutable while a transaction runs; every change goes through `Transaction`. */
import type { DateTime, MessageIndex } from '#mail/mime/message-index.ts';
import type { ChangeRecord } from '../change.ts';
import type { CommitAnswer } from '../mutation.ts';
import type { OutboxRow, StoredRecord } from '../store.ts';
import type { AccountId, BodyId, Flags, MailboxId, MessageId, ModSeq, Role, ThreadId, Uid, UidSet } from '../types.ts';

export interface State {
  readonly accounts: Map<AccountId, Account>;
  readonly bodies: Map<BodyId, Body>;
}

/** `references` counts messages; a staged body begins with none. */
export interface Body {
  readonly data: Uint8Array;
  references: number;
  readonly storedAt: number;
}

export interface Message {
  readonly id: MessageId;
  readonly thread: ThreadId;
  readonly body: BodyId;
  readonly prefix: Uint8Array;
  readonly index: MessageIndex;
  readonly internalDate: DateTime;
  readonly size: number;
  /** Placements that exist or are retained; at 0 the message goes. */
  placements: number;
}

export interface Placement {
  readonly uid: Uid;
  readonly message: Message;
  readonly savedAt: number;
  flags: Flags;
  modseq: ModSeq;
}

export interface MailboxState {
  readonly id: MailboxId;
  readonly createdModseq: ModSeq;
  name: string;
  role: Role | undefined;
  uidValidity: number;
  uidNext: Uid;
  highestModseq: ModSeq;
  messages: number;
  unseen: number;
  deleted: number;
  size: number;
  /** Ascending by UID. */
  placements: Placement[];
  /** Expunged, still readable. */
  readonly retained: Map<Uid, { readonly placement: Placement; readonly at: number; readonly modseq: ModSeq }>;
  tombstones: { readonly modseq: ModSeq; readonly at: number; readonly uids: UidSet }[];
  /** Tombstones of this modseq and below are gone. */
  tombstoneFloor: ModSeq;
}

export interface Account {
  readonly id: AccountId;
  modseq: ModSeq;
  readonly mailboxes: Map<MailboxId, MailboxState>;
  /** Mailboxes that are gone, so that a delta can say so. */
  readonly removed: Map<MailboxId, ModSeq>;
  /** Those of them from which messages are still retained. */
  readonly emptied: Map<MailboxId, MailboxState>;
  /** The last UIDVALIDITY handed out, and the greatest that each name ever had. */
  lastUidValidity: number;
  readonly validityOfName: Map<string, number>;
  readonly subscribed: Set<string>;
  usedBytes: number;
  usedMessages: number;
  quotaBytes: number | undefined;
  readonly messages: Map<MessageId, Message>;
  /** Message-ID → thread. */
  readonly threads: Map<string, ThreadId>;
  readonly spelling: Map<string, string>;
  log: { readonly at: number; readonly record: ChangeRecord }[];
  /** Records of this modseq and below are gone. */
  logFloor: ModSeq;
  readonly commits: Map<string, { readonly at: number; readonly answer: CommitAnswer & { ok: true } }>;
  outbox: OutboxRow[];
  /** By `kind/id`, in the order in which they were made. */
  readonly records: Map<string, StoredRecord>;
}

export function newAccount(id: AccountId): Account {
  return {
    id,
    modseq: 0,
    mailboxes: new Map(),
    removed: new Map(),
    emptied: new Map(),
    lastUidValidity: 0,
    validityOfName: new Map(),
    subscribed: new Set(),
    usedBytes: 0,
    usedMessages: 0,
    quotaBytes: undefined,
    messages: new Map(),
    threads: new Map(),
    spelling: new Map(),
    log: [],
    logFloor: 0,
    commits: new Map(),
    outbox: [],
    records: new Map(),
  };
}

export function newMailbox(id: MailboxId, name: string, uidValidity: number, modseq: ModSeq): MailboxState {
  return {
    id,
    createdModseq: modseq,
    name,
    role: undefined,
    uidValidity,
    uidNext: 1,
    highestModseq: modseq,
    messages: 0,
    unseen: 0,
    deleted: 0,
    size: 0,
    placements: [],
    retained: new Map(),
    tombstones: [],
    tombstoneFloor: 0,
  };
}

/** Index of the first placement whose UID is not below `uid`. */
export function lowerBound(placements: readonly Placement[], uid: Uid): number {
  let low = 0;
  let high = placements.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (placements[middle]!.uid < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Those of `uids` that exist, ascending. */
export function placementsIn(mailbox: MailboxState, uids: UidSet): Placement[] {
  const out: Placement[] = [];
  for (const [first, last] of uids) {
    for (let i = lowerBound(mailbox.placements, first); i < mailbox.placements.length; i++) {
      const placement = mailbox.placements[i]!;
      if (placement.uid > last) break;
      out.push(placement);
    }
  }
  return out;
}
