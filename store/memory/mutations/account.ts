/** `create-account`, `delete-account`, `subscribe`, `set-quota`, `enqueue-outbox`, `finish-outbox`. */
import { MailError } from '#mail/failure.ts';
import { newId } from '../../ids.ts';
import type { Mutation, MutationResult } from '../../mutation.ts';
import { INBOX, isInbox, mailboxName } from '../../names.ts';
import type { Work } from '../transaction.ts';
import { makeMailbox } from './mailboxes.ts';
import { release } from './place.ts';

type Of<T extends Mutation['type']> = Extract<Mutation, { type: T }>;

/** Of this commit's modseq the account's last one is the one before. */
export function requireAccount(work: Work, { since }: Of<'require-account'>): MutationResult {
  if (work.modseq !== since + 1) throw new MailError('conflict', 'the account has changed since');
  return { type: 'require-account' };
}

/** `work.account` is a fresh one, or the one that is there already. */
export function createAccount(work: Work, mutation: Of<'create-account'>): MutationResult {
  const { account, state, tx } = work;
  if (state.accounts.has(account.id)) throw new MailError('exists', 'the account exists');
  tx.set(state.accounts, account.id, account);
  work.records.push({ modseq: work.modseq, type: 'account' });
  if (!mutation.mailboxes.some(({ name }) => isInbox(name))) {
    makeMailbox(work, { id: newId('mailbox', work.random), name: INBOX, role: 'inbox' });
  }
  for (const mailbox of mutation.mailboxes) makeMailbox(work, mailbox);
  return { type: 'create-account' };
}

export function deleteAccount(work: Work): MutationResult {
  const { account, state, tx } = work;
  for (const mailbox of account.mailboxes.values()) {
    for (const placement of mailbox.placements) release(work, placement.message);
  }
  for (const mailbox of [...account.mailboxes.values(), ...account.emptied.values()]) {
    for (const { placement } of mailbox.retained.values()) release(work, placement.message);
  }
  tx.remove(state.accounts, account.id);
  work.records.push({ modseq: work.modseq, type: 'account' });
  return { type: 'delete-account' };
}

export function subscribe(work: Work, mutation: Of<'subscribe'>): MutationResult {
  const { account, tx } = work;
  const name = mailboxName(mutation.name);
  if (name === undefined) throw new MailError('bad-request', 'a mailbox name has no empty levels');
  if (account.subscribed.has(name) !== mutation.subscribed) {
    if (mutation.subscribed) tx.include(account.subscribed, name);
    else tx.exclude(account.subscribed, name);
    work.records.push({ modseq: work.modseq, type: 'subscription', name });
  }
  return { type: 'subscribe' };
}

export function setQuota(work: Work, mutation: Of<'set-quota'>): MutationResult {
  work.tx.assign(work.account, { quotaBytes: mutation.bytes ?? undefined });
  work.records.push({ modseq: work.modseq, type: 'quota' });
  return { type: 'set-quota' };
}

export function enqueueOutbox(work: Work, mutation: Of<'enqueue-outbox'>): MutationResult {
  const { account, tx, now } = work;
  const { id, kind, notBefore } = mutation;
  if (account.outbox.some((row) => row.id === id)) throw new MailError('exists', 'the outbox id is taken');
  const row = { id, kind, payload: Uint8Array.from(mutation.payload), createdAt: now };
  tx.assign(account, { outbox: [...account.outbox, notBefore === undefined ? row : { ...row, notBefore }] });
  work.records.push({ modseq: work.modseq, type: 'outbox' });
  return { type: 'enqueue-outbox' };
}

export function finishOutbox(work: Work, mutation: Of<'finish-outbox'>): MutationResult {
  const { account, tx } = work;
  const rest = account.outbox.filter((row) => row.id !== mutation.id);
  if (rest.length < account.outbox.length) {
    tx.assign(account, { outbox: rest });
    work.records.push({ modseq: work.modseq, type: 'outbox' });
  }
  return { type: 'finish-outbox' };
}
