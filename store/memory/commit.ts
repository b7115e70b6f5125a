/** Runs one commit against the state: all of its mutations or none. Synchronous, hence one after the other. */
import { MailError } from '#mail/failure.ts';
import type { Random } from '#runtime/ambient.ts';
import type { ChangeType, Notice } from '../change.ts';
import type { Commit, CommitAnswer, Mutation, MutationResult, MutationType } from '../mutation.ts';
import * as accounts from './mutations/account.ts';
import { requireUnchanged, setFlags } from './mutations/flags.ts';
import * as mailboxes from './mutations/mailboxes.ts';
import * as messages from './mutations/messages.ts';
import { putRecord, removeRecord } from './mutations/records.ts';
import { restore } from './mutations/restore.ts';
import { type Account, newAccount, type State } from './state.ts';
import { Transaction, type Work } from './transaction.ts';

const HANDLERS: { [T in MutationType]: (work: Work, mutation: Extract<Mutation, { type: T }>) => MutationResult } = {
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

/** `notice` is absent when nothing was changed. */
export interface Outcome {
  readonly answer: CommitAnswer;
  readonly notice?: Notice;
}

export function runCommit(state: State, commit: Commit, now: number, random: Random): Outcome {
  const known = state.accounts.get(commit.owner);
  const earlier = known?.commits.get(commit.id);
  if (earlier !== undefined) return { answer: { ...earlier.answer, repeated: true } };
  if (commit.actor !== commit.owner) return refuse(new MailError('not-permitted', 'another one’s account'), 0);

  const tx = new Transaction();
  const account = known ?? newAccount(commit.owner);
  const modseq = account.modseq + 1;
  const work: Work = { tx, state, owner: commit.owner, account, modseq, now, random, records: [] };
  const results: MutationResult[] = [];
  try {
    if (commit.mutations.length === 0) requireAccount(state, commit.owner);
    for (const mutation of commit.mutations) results.push(apply(work, mutation));
  } catch (error) {
    tx.rollback();
    if (error instanceof MailError) return refuse(error, results.length);
    throw error;
  }
  const answer = { ok: true as const, modseq, repeated: false, results };
  finish(account, commit.id, work, answer);
  const types: ChangeType[] = [...new Set(work.records.map((record) => record.type))];
  return { answer, notice: { account: account.id, modseq, types } };
}

function apply(work: Work, mutation: Mutation): MutationResult {
  if (mutation.type !== 'create-account') requireAccount(work.state, work.owner);
  const handler = HANDLERS[mutation.type] as (work: Work, mutation: Mutation) => MutationResult;
  return handler(work, mutation);
}

function requireAccount(state: State, owner: string): void {
  if (!state.accounts.has(owner)) throw new MailError('no-such-account', 'no such account');
}

function refuse(error: MailError, mutation: number): Outcome {
  return { answer: { ok: false, failure: error.failure, mutation, text: error.message } };
}

/** Nothing fails from here on. */
function finish(account: Account, id: string, work: Work, answer: CommitAnswer & { ok: true }): void {
  account.modseq = work.modseq;
  account.commits.set(id, { at: work.now, answer });
  for (const record of work.records) account.log.push({ at: work.now, record });
}
