/** Runs one commit within an open transaction: all of its mutations or none. */
import { MailError } from '#mail/failure.ts';
import type { Random } from '#runtime/ambient.ts';
import type { ChangeType, Notice } from '../change.ts';
import type { CommitAnswer, MutationResult, MutationType } from '../mutation.ts';
import { type Account, type AccountCache, saveAccount } from './account.ts';
import type { ArrayRow, Database } from './database.ts';
import * as accounts from './mutations/account.ts';
import { setFlags } from './mutations/flags.ts';
import * as mailboxes from './mutations/mailboxes.ts';
import * as messages from './mutations/messages.ts';
import type { PackedMutation, PackedOf, Work } from './work.ts';

const HANDLERS: { [T in MutationType]: (work: Work, mutation: PackedOf<T>) => MutationResult } = {
  'add-message': messages.addMessage,
  'set-flags': setFlags,
  copy: messages.copy,
  move: messages.move,
  expunge: messages.expunge,
  'create-mailbox': mailboxes.createMailbox,
  'delete-mailbox': mailboxes.deleteMailbox,
  'rename-mailbox': mailboxes.renameMailbox,
  'set-role': mailboxes.setRole,
  subscribe: accounts.subscribe,
  'set-quota': accounts.setQuota,
  'create-account': accounts.createAccount,
  'delete-account': accounts.deleteAccount,
  'enqueue-outbox': accounts.enqueueOutbox,
  'finish-outbox': accounts.finishOutbox,
};

/** A commit as the writer gets it (`packCommit`). */
export interface PackedCommit {
  readonly owner: string;
  readonly actor: string;
  readonly id: string;
  readonly mutations: readonly PackedMutation[];
}

/** What the shard's commit sequence keeps of a commit: enough to tell watchers, and to let its id expire. */
export interface Done extends Notice {
  readonly n: number;
  readonly id: string;
}

/** `done` is absent when nothing was changed. */
export interface Outcome {
  readonly answer: CommitAnswer;
  readonly done?: Done;
}

export interface CommitContext {
  readonly db: Database;
  readonly accounts: AccountCache;
  readonly random: Random;
  /** Always with a savepoint: another commit of the group failed, or this one is alone. */
  readonly careful: boolean;
}

/** Throws for faults; then the caller rolls its transaction back and clears the cache. A failed precondition leaves no trace. */
export function runCommit(context: CommitContext, commit: PackedCommit, now: number): Outcome {
  const { db, accounts: cache } = context;
  const known = cache.get(commit.owner);
  const earlier = known && firstAnswer(db, known, commit.id);
  if (earlier) return { answer: { ...earlier, repeated: true } };
  if (commit.actor !== commit.owner) return refuse(new MailError('not-permitted', 'another one’s account'), 0);

  // A delivery, by far the most frequent commit, is refused before it writes anything, so that it needs no savepoint
  // (which copies every page that it touches). Should it fail later all the same, the group is tried one by one.
  const savepoint = context.careful || commit.mutations.length !== 1 || commit.mutations[0]!.type !== 'add-message';
  if (savepoint) db.exec('SAVEPOINT one');
  const results: MutationResult[] = [];
  let work: Work | undefined;
  try {
    work = begin(context, known, commit, now);
    for (const mutation of commit.mutations) results.push(apply(work, mutation));
    const answer = { ok: true as const, modseq: work.modseq, repeated: false, results };
    finish(work, commit.id, answer);
    if (savepoint) db.exec('RELEASE one');
    if (!work.account.names.size) cache.forget(commit.owner); // deleted
    const types: ChangeType[] = [...new Set(work.records.map((record) => record.type))];
    return { answer, done: { account: commit.owner, modseq: work.modseq, types, n: work.account.n, id: commit.id } };
  } catch (error) {
    cache.forget(commit.owner);
    if (!(error instanceof MailError)) throw error;
    if (savepoint) db.exec('ROLLBACK TO one; RELEASE one');
    else if (work?.wrote) throw new Error('refused after it had written', { cause: error });
    return refuse(error, results.length);
  }
}

function firstAnswer(db: Database, account: Account, id: string): (CommitAnswer & { ok: true }) | undefined {
  const find = db.arrays('SELECT answer FROM commits WHERE account = ? AND id = ?');
  const row = find.get(account.n, id) as ArrayRow | undefined;
  return row && JSON.parse(row[0] as string);
}

function begin(
  { db, accounts: cache, random }: CommitContext,
  known: Account | undefined,
  commit: PackedCommit,
  now: number,
): Work {
  let account = known;
  if (!account && commit.mutations[0]?.type === 'create-account') {
    db.statement(`INSERT INTO accounts (id, modseq, used_bytes, used_messages, uid_validity, next_message, next_mailbox,
      next_flag_set, next_outbox, log_floor) VALUES (?, 0, 0, 0, 0, 1, 1, 1, 1, 0)`).run(commit.owner);
    account = cache.get(commit.owner);
  }
  if (!account) throw new MailError('no-such-account', 'no such account');
  return { db, account, modseq: account.modseq + 1, now, random, records: [], vanished: new Map(), wrote: false };
}

function apply(work: Work, mutation: PackedMutation): MutationResult {
  if (mutation.type !== 'create-account' && !work.account.names.size) {
    throw new MailError('no-such-account', 'no such account'); // deleted by the mutation before
  }
  const handler = HANDLERS[mutation.type] as (work: Work, mutation: PackedMutation) => MutationResult;
  return handler(work, mutation);
}

function finish(work: Work, id: string, answer: CommitAnswer): void {
  const { db, account, modseq, now } = work;
  account.modseq = modseq;
  saveAccount(db, account);
  db.statement('INSERT INTO changes (account, modseq, at, records) VALUES (?, ?, ?, ?)').run(
    account.n,
    modseq,
    now,
    JSON.stringify(work.records),
  );
  db.statement('INSERT INTO commits (account, id, answer) VALUES (?, ?, ?)').run(account.n, id, JSON.stringify(answer));
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

function refuse(error: MailError, mutation: number): Outcome {
  return { answer: { ok: false, failure: error.failure, mutation, text: error.message } };
}
