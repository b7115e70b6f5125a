/** What one mutation gets to work with, and the notes that it leaves for the end of its commit. */
import { MailError } from '#mail/failure.ts';
import type { Random } from '#runtime/ambient.ts';
import type { ChangeRecord } from '../change.ts';
import { normaliseFlags } from '../flags.ts';
import type { Mutation, MutationType } from '../mutation.ts';
import type { Flags, MailboxId, ModSeq, Uid, UidSet } from '../types.ts';
import { union } from '../uid-set.ts';
import { type Account, addFlagSet, type FlagSet, type Mailbox } from './account.ts';
import type { Database } from './database.ts';
import { settleFlags } from './later-flags.ts';
import type { Entry, Lookups, LookupValue } from './lookups.ts';
import { MESSAGE_OF_HEAD, type PackedMessage } from './pack.ts';
import type { Recent } from './recent.ts';

/** A mutation as the writer gets it: messages packed. */
export type PackedMutation =
  | Exclude<Mutation, { type: 'add-message' }>
  | (Omit<Extract<Mutation, { type: 'add-message' }>, 'message'> & { readonly message: PackedMessage });
export type PackedOf<T extends MutationType> = Extract<PackedMutation, { type: T }>;

/** What the writer knows of its shard. */
export interface ShardState {
  readonly lookups: Lookups;
  /** Numbers that are free from there on. Those of a transaction that failed are left out. */
  nextMessage: number;
  nextBody: number;
  /** The small bodies that came last, by their ids: recipients of one message name the same. */
  readonly bodies: Recent<string, number>;
}

export interface Work {
  readonly db: Database;
  readonly account: Account;
  /** This commit's. */
  readonly modseq: ModSeq;
  readonly now: number;
  readonly random: Random;
  readonly records: Omit<ChangeRecord, 'modseq'>[];
  /** UIDs that this commit took out of mailboxes. */
  readonly vanished: Map<Mailbox, UidSet>;
  readonly shard: ShardState;
  /** What this commit makes findable, its own id included (lookups.ts). */
  readonly entries: Entry[];
  /** What `find` was asked before, or what `entries` say. */
  readonly known: Map<string, readonly LookupValue[]>;
  /** Set before the first row is written, where a commit runs without a savepoint (commit.ts). */
  wrote: boolean;
}

/** A placement's row as the mutations read it. */
export type PlacementRow = [uid: Uid, message: number, modseq: ModSeq, flags: number, size: number];

const PLACEMENTS = `SELECT uid, message, modseq, flags, size FROM placements
  WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid`;

/** Those of `uids` that exist, ascending. */
export function placementsIn(work: Work, mailbox: Mailbox, uids: UidSet): PlacementRow[] {
  settleFlags(work.db, work.account.n, mailbox.n, uids);
  const statement = work.db.arrays(PLACEMENTS);
  if (uids.length === 1) return between(work, statement, mailbox, uids[0]!);
  const out: PlacementRow[] = [];
  for (const range of uids) for (const row of between(work, statement, mailbox, range)) out.push(row);
  return out;
}

function between(
  work: Work,
  statement: ReturnType<Database['arrays']>,
  mailbox: Mailbox,
  [first, last]: readonly [Uid, Uid],
): PlacementRow[] {
  if (first >= mailbox.uidNext) return [];
  return statement.all(work.account.n, mailbox.n, first, last) as unknown as PlacementRow[];
}

export function mailboxOf(work: Work, id: MailboxId): Mailbox {
  const mailbox = work.account.mailboxes.get(id);
  if (mailbox === undefined) throw new MailError('no-such-mailbox', 'no such mailbox');
  return mailbox;
}

/** Marks a mailbox as changed by this commit. */
export function touch(work: Work, mailbox: Mailbox): void {
  mailbox.highestModseq = work.modseq;
  work.account.changedMailboxes.add(mailbox);
}

/** Moves the counters of a mailbox and the account; negative when messages go. */
export function countIn(
  work: Work,
  mailbox: Mailbox,
  by: { messages: number; unseen: number; deleted: number; size: number },
): void {
  mailbox.messages += by.messages;
  mailbox.unseen += by.unseen;
  mailbox.deleted += by.deleted;
  mailbox.size += by.size;
  work.account.usedMessages += by.messages;
  work.account.usedBytes += by.size;
}

/** Sums up what rows mean for the counters. */
export function tally(account: Account, rows: readonly PlacementRow[], sign: 1 | -1) {
  const sum = { messages: sign * rows.length, unseen: 0, deleted: 0, size: 0 };
  for (const [, , , flags, size] of rows) {
    const set = account.flagSets.byNumber.get(flags)!;
    sum.unseen += sign * set.unseen;
    sum.deleted += sign * set.deleted;
    sum.size += sign * size;
  }
  return sum;
}

export function checkQuota(work: Work, more: number): void {
  const { quotaBytes, usedBytes } = work.account;
  if (quotaBytes !== null && more > 0 && usedBytes + more > quotaBytes) {
    throw new MailError('over-quota', 'the mailbox is full');
  }
}

/** Canonical flags; spellings that are new to the account are kept. */
export function normalise(work: Work, flags: Flags): Flags {
  const { account, db } = work;
  if (flags.length === 0) return flags;
  return normaliseFlags(flags, {
    get: (key) => account.spelling.get(key),
    set(key, flag) {
      account.spelling.set(key, flag);
      db.statement('INSERT INTO keywords (account, key, flag) VALUES (?, ?, ?)').run(account.n, key, flag);
    },
  });
}

/** A flag set is kept as its flags with spaces between. */
export function checkFlags(flags: Flags): void {
  if (flags.some((flag) => flag === '' || flag.includes(' '))) throw new MailError('bad-request', 'bad flag');
}

/** `flags` are normalised. */
export function intern(work: Work, flags: Flags): FlagSet {
  const { account, db } = work;
  const text = flags.join(' ');
  const known = account.flagSets.byText.get(text);
  if (known) return known;
  const n = account.nextFlagSet++;
  account.changed = true;
  db.statement('INSERT INTO flag_sets (account, n, flags) VALUES (?, ?, ?)').run(account.n, n, text);
  return addFlagSet(account.flagSets, n, text);
}

/** What the account knows by these names: see `Lookups`. */
export function find(work: Work, names: readonly string[]): (readonly LookupValue[])[] {
  const missing = names.filter((name) => !work.known.has(name));
  if (missing.length > 0) {
    const found = work.shard.lookups.find(work.account.n, missing);
    for (const [i, name] of missing.entries()) work.known.set(name, found[i]!);
  }
  return names.map((name) => work.known.get(name)!);
}

export function makeFindable(work: Work, name: string, value: LookupValue): void {
  work.entries.push([name, value]);
  work.known.set(name, [value]);
}

const MESSAGE_IDS = `SELECT ${MESSAGE_OF_HEAD} FROM placements p CROSS JOIN messages m ON m.k = p.message
  WHERE p.account = ? AND p.mailbox = ? AND p.uid BETWEEN ? AND ?`;

/** The ids of the messages that are placed there, each once. */
export function messageIds({ db, account }: Work, mailbox: Mailbox, uids: UidSet): string[] {
  const statement = db.arrays(MESSAGE_IDS);
  const ids = new Set<string>();
  for (const [first, last] of uids) {
    for (const [id] of statement.all(account.n, mailbox.n, first, last) as unknown as [string][]) ids.add(id);
  }
  return [...ids];
}

export function vanish(work: Work, mailbox: Mailbox, uids: UidSet): void {
  work.vanished.set(mailbox, union(work.vanished.get(mailbox) ?? [], uids));
}
