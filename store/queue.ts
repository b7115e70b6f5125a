/**
 * The MTA's queue: one durable entry a message, a state a recipient. `mta/queue/README.md` has the life of an entry as a
 * table; `test/contract/queue.ts` is the suite of every backend. Every method that changes something is atomic and durable when it answers.
 */
import type { BodyType, ForwardPath, ReversePath } from '#mail/envelope.ts';
import type { Reply } from '#mail/smtp/reply.ts';

export type QueueId = string;

export interface NewQueueEntry {
  /** Also in the `Received` field and in the reply to the final dot. */
  readonly id: QueueId;
  /** The same for every try of the message, so that a lost reply makes no second copy (STORE.md §2). Enqueueing the same delivery id again returns the first entry. */
  readonly deliveryId: string;
  readonly reversePath: ReversePath;
  readonly bodyType: BodyType;
  readonly smtputf8: boolean;
  readonly envelopeId?: string;
  readonly ret?: 'full' | 'hdrs';
  /** What comes of each recipient is kept under the envelope id, which must be there: see `track`. */
  readonly tracked?: true;
  /**
   * The domain of From, where an account of ours that may write in its name has submitted the message, or where we wrote it ourselves: what leaves is signed by
   * it (DKIM). Absent: what others wrote, which is only passed on.
   */
  readonly signAs?: string;
  readonly arrivedAt: number;
  readonly expiresAt: number;
  readonly recipients: readonly ForwardPath[];
  /** The message as accepted, our `Received` field on top: in memory, or a spool file that the queue takes over (renames). */
  readonly content: { readonly data: Uint8Array } | { readonly file: string; readonly size: number };
}

/** `pending` waits for its next attempt or is being tried; the others are final. */
export type RecipientState = 'pending' | 'delivered' | 'relayed' | 'failed' | 'expired' | 'dropped';

export interface QueueRecipient extends ForwardPath {
  /** Position in the entry; stable. */
  readonly index: number;
  readonly state: RecipientState;
  readonly attempts: number;
  /** Milliseconds; when a pending recipient is tried next. */
  readonly nextAttemptAt: number;
  readonly lastAttemptAt?: number;
  readonly lastReply?: Reply;
  /** The host that said `lastReply`, for DSNs; absent when we said it ourselves. */
  readonly remoteMta?: string;
  /** When a delay notice was sent (RFC 3464 delayed); at most one. */
  readonly delayNotifiedAt?: number;
}

export interface QueueEntry {
  readonly id: QueueId;
  readonly deliveryId: string;
  readonly reversePath: ReversePath;
  readonly bodyType: BodyType;
  readonly smtputf8: boolean;
  readonly envelopeId?: string;
  readonly ret?: 'full' | 'hdrs';
  readonly tracked?: true;
  readonly signAs?: string;
  readonly arrivedAt: number;
  readonly expiresAt: number;
  readonly held: boolean;
  readonly size: number;
  readonly recipients: readonly QueueRecipient[];
}

/** A recipient of a tracked message, pending or final. */
export interface TrackedRecipient {
  readonly entry: QueueId;
  readonly recipient: QueueRecipient;
}

/** A recipient whose state is final. Marks ascend in the order in which that was recorded. */
export interface TrackedOutcome extends TrackedRecipient {
  readonly mark: number;
  readonly envelopeId: string;
}

/** What one attempt came to, for one recipient. */
export type Outcome = {
  readonly index: number;
  readonly at: number;
  readonly reply?: Reply;
  readonly remoteMta?: string;
} & (
  | { readonly verdict: 'delivered' | 'relayed' | 'failed' | 'expired' }
  | { readonly verdict: 'deferred'; readonly nextAttemptAt: number; readonly delayNotified?: boolean }
);

export interface Queue {
  /** Throws `bad-request` (no recipient, an id that is none, a spool file of another size), `exists` (the queue id is another entry's). Answers once the entry would survive a power cut; concurrent calls share a sync. */
  enqueue(entry: NewQueueEntry): Promise<QueueId>;
  /** Records outcomes and enqueues the DSNs that they cause, in one transaction; an entry with no pending recipient is removed with it. Told a second time, or of an entry that has gone, it changes nothing and enqueues nothing. */
  settle(id: QueueId, outcomes: readonly Outcome[], reports: readonly NewQueueEntry[]): Promise<void>;
  /** Entries that are not held and have a pending recipient due at `now`, earliest first; passes over `except` (in hand already). */
  due(now: number, limit: number, except: ReadonlySet<QueueId>): Promise<readonly QueueEntry[]>;
  /** When the earliest pending recipient of an entry that is not held becomes due; `undefined` when there is none. */
  nextDue(): Promise<number | undefined>;
  get(id: QueueId): Promise<QueueEntry | undefined>;
  /** Oldest first. */
  list(options: { after?: QueueId; limit: number }): Promise<readonly QueueEntry[]>;
  /** Octets [start, end) of the content in chunks; the whole when not given. Throws `no-such-message`. */
  content(id: QueueId, start?: number, end?: number): AsyncIterable<Uint8Array>;
  /**
   * All recipients of tracked entries with this envelope id: those that are pending, and for `TRACKED_RETENTION` (30 days) those that are final. By
   * entry, then by index.
   */
  track(envelopeId: string): Promise<readonly TrackedRecipient[]>;
  /** What became final after a mark (0: all that is kept), in that order: whoever follows hands back the last mark that it has seen. */
  outcomes(after: number, limit: number): Promise<readonly TrackedOutcome[]>;
  /** The mark of the last outcome. */
  lastMark(): Promise<number>;
  /** Records recipients in a final state that never were in the queue, as tracked under this id. Told twice, the first stays. Throws `bad-request` for a pending one. */
  keep(envelopeId: string, entry: QueueId, recipients: readonly QueueRecipient[]): Promise<void>;
  /** `retry` makes pending recipients due at `now`; `hold` keeps the entry out of `due`; `drop` ends it without a report. Answers the ids that it acted on. */
  act(
    action: 'retry' | 'hold' | 'release' | 'drop',
    ids: readonly QueueId[] | 'all',
    now: number,
  ): Promise<readonly QueueId[]>;
  counts(): Promise<{ messages: number; recipients: number; oldest?: number }>;
  /** Called after enqueue, settle, keep and act by anyone, also in other processes: look at `nextDue` again. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}
