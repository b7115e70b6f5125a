/** Runs one commit within an open transaction: all of its mutations or none. */
import { MailError } from '#mail/failure.ts';
import type { Random } from '#runtime/ambient.ts';
import type { ChangeType } from '../change.ts';
import type { CommitAnswer, MutationResult, MutationType } from '../mutation.ts';
import type { Account, AccountCache } from './account.ts';
import type { Database } from './database.ts';
import { answerOf, type Done, readGroup } from './groups.ts';
import type { PackedCommit } from './job.ts';
import type { LookupValue } from './lookups.ts';
import * as accounts from './mutations/account.ts';
import { requireUnchanged, setFlags } from './mutations/flags.ts';
import * as mailboxes from './mutations/mailboxes.ts';
import * as messages from './mutations/messages.ts';
import { putRecord, removeRecord } from './mutations/records.ts';
import { restore } from './mutations/restore.ts';
import { makeFindable, type PackedMutation, type PackedOf, type ShardState, type Work } from './work.ts';

const HANDLERS: { [T in MutationType]: (work: Work, mutation: PackedOf<T>) => MutationResult } = {
  'add-message': messages.addMessage,
  'set-flags': setFlags,
  'require-unchanged': requireUnchanged,
  'require-account': accounts.requireAccount,
  copy: messages.copy,
  move: messages.move,
  expunge: messages.expunge,
  restore,
  'create-mailbox': mailboxes.createMailbox,
  'delete-mailbox': mailboxes.deleteMailbox,
  'rename-mailbox': mailboxes.renameMailbox,
  'set-role': mailboxes.setRole,
  'raise-uid-next': mailboxes.raiseUidNext,
  subscribe: accounts.subscribe,
  'set-quota': accounts.setQuota,
  'create-account': accounts.createAccount,
  'delete-account': accounts.deleteAccount,
  'enqueue-outbox': accounts.enqueueOutbox,
  'finish-outbox': accounts.finishOutbox,
  'put-record': putRecord,
  'remove-record': removeRecord,
};

/** `done` is absent when nothing was changed. */
export interface Outcome {
  readonly answer: CommitAnswer;
  readonly done?: Done;
}

export interface CommitContext {
  readonly db: Database;
  readonly accounts: AccountCache;
  readonly shard: ShardState;
  readonly random: Random;
  readonly now: number;
  /** Always with a savepoint: another commit of the group failed, or this one is alone. */
  readonly careful: boolean;
  /** The group's number, and what it did so far. */
  readonly seq: number;
  readonly done: readonly Done[];
}

/** Throws for faults; then the caller rolls its transaction back and clears the cache. A failed precondition leaves no trace. */
export function runCommit(context: CommitContext, commit: PackedCommit): Outcome {
  const { db, accounts: cache } = context;
  const account = cache.get(commit.owner);
  const known = account ? recall(context, account, commit) : new Map();
  const earlier = account && firstAnswer(context, account, commit.id, known.get(`c${commit.id}`)!);
  if (earlier) return { answer: answerOf(earlier) };
  if (commit.actor !== commit.owner) return refuse(new MailError('not-permitted', 'another one’s account'), 0);

  // A delivery, by far the most frequent commit, is refused before it changes anything, so that it needs no savepoint
  // (which copies every page that it touches). Should it fail later all the same, the group is tried one by one.
  const savepoint = context.careful || !isDelivery(commit);
  if (savepoint) {
    if (account) cache.save(account);
    db.exec('SAVEPOINT one');
  }
  const results: MutationResult[] = [];
  let work: Work | undefined;
  try {
    work = begin(context, account, commit, known);
    for (const mutation of commit.mutations) results.push(apply(work, mutation));
    finish(work);
    if (savepoint) db.exec('RELEASE one');
    makeFindable(work, `c${commit.id}`, context.seq);
    if (work.account.names.size) cache.changed(work.account);
    else cache.forget(commit.owner); // deleted
    return { answer: { ok: true, modseq: work.modseq, repeated: false, results }, done: doneOf(work, commit, results) };
  } catch (error) {
    if (savepoint) cache.forget(commit.owner);
    if (!(error instanceof MailError)) throw error;
    if (savepoint) db.exec('ROLLBACK TO one; RELEASE one');
    else if (work?.wrote) throw new Error('refused after it had written', { cause: error });
    return refuse(error, results.length);
  }
}

function isDelivery({ mutations }: PackedCommit): boolean {
  return mutations.length === 1 && mutations[0]!.type === 'add-message';
}

/** What is known under the commit's id and, for a delivery, under the names in its message. */
function recall({ shard }: CommitContext, account: Account, commit: PackedCommit): Work['known'] {
  const names = [`c${commit.id}`];
  const [mutation] = commit.mutations;
  if (mutation?.type === 'add-message' && isDelivery(commit)) names.push(...messages.namesOf(mutation.message));
  const found = shard.lookups.find(account.n, names);
  return new Map(names.map((name, i) => [name, found[i]!]));
}

function firstAnswer(
  { db, seq, done }: CommitContext,
  account: Account,
  id: string,
  groups: readonly LookupValue[],
): Done | undefined {
  for (const group of groups as readonly number[]) {
    const commits = group === seq ? done : readGroup(db, group);
    const found = commits.find((one) => one.n === account.n && one.id === id);
    if (found) return found;
  }
  return undefined;
}

function begin(
  { db, accounts: cache, shard, random, now }: CommitContext,
  found: Account | undefined,
  commit: PackedCommit,
  known: Work['known'],
): Work {
  let account = found;
  if (!account && commit.mutations[0]?.type === 'create-account') {
    db.statement(`INSERT INTO accounts (id, uid_validity, next_mailbox, next_flag_set, next_outbox, log_floor)
      VALUES (?, 0, 1, 1, 1, 0)`).run(commit.owner);
    account = cache.get(commit.owner);
  }
  if (!account) throw new MailError('no-such-account', 'no such account');
  const notes = { records: [], vanished: new Map(), entries: [], known, wrote: false };
  return { db, account, shard, modseq: account.modseq + 1, now, random, ...notes };
}

function apply(work: Work, mutation: PackedMutation): MutationResult {
  if (mutation.type !== 'create-account' && !work.account.names.size) {
    throw new MailError('no-such-account', 'no such account'); // deleted by the mutation before
  }
  const handler = HANDLERS[mutation.type] as (work: Work, mutation: PackedMutation) => MutationResult;
  return handler(work, mutation);
}

function finish(work: Work): void {
  const { db, account, modseq, now } = work;
  account.modseq = modseq;
  const log = db.statement('INSERT INTO changes (account, modseq, at, records) VALUES (?, ?, ?, ?)');
  log.run(account.n, modseq, now, JSON.stringify(work.records));
  for (const [mailbox, set] of work.vanished) {
    const uids = JSON.stringify(set);
    if (account.mailboxes.has(mailbox.id)) {
      db.statement('INSERT INTO tombstones (account, mailbox, modseq, at, uids) VALUES (?, ?, ?, ?, ?)').run(
        account.n,
        mailbox.n,
        modseq,
        now,
        uids,
      );
    }
    db.statement('INSERT INTO purge (at, account, mailbox, uids) VALUES (?, ?, ?, ?)').run(
      now,
      account.n,
      mailbox.n,
      uids,
    );
  }
}

function doneOf({ account, modseq, records, entries }: Work, { id }: PackedCommit, results: MutationResult[]): Done {
  const types: ChangeType[] = [...new Set(records.map((record) => record.type))];
  return { account: account.id, modseq, types, n: account.n, id, results, entries };
}

function refuse(error: MailError, mutation: number): Outcome {
  return { answer: { ok: false, failure: error.failure, mutation, text: error.message } };
}
