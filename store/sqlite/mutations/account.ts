/** `create-account`, `delete-account`, `subscribe`, `set-quota`, `enqueue-outbox`, `finish-outbox`. */
import { MailError } from '#mail/failure.ts';
import { newId } from '../../ids.ts';
import type { MutationResult } from '../../mutation.ts';
import { INBOX, isInbox, mailboxName } from '../../names.ts';
import type { PackedOf, Work } from '../work.ts';
import { makeMailbox } from './mailboxes.ts';

/** Of this commit's modseq the account's last one is the one before. */
export function requireAccount(work: Work, { since }: PackedOf<'require-account'>): MutationResult {
  if (work.modseq !== since + 1) throw new MailError('conflict', 'the account has changed since');
  return { type: 'require-account' };
}

/** The row stands already (commit.ts), just made. */
export function createAccount(work: Work, mutation: PackedOf<'create-account'>): MutationResult {
  if (work.account.names.size > 0) throw new MailError('exists', 'the account exists');
  work.records.push({ type: 'account' });
  if (!mutation.mailboxes.some(({ name }) => isInbox(name))) {
    makeMailbox(work, { id: newId('mailbox', work.random), name: INBOX, role: 'inbox' });
  }
  for (const mailbox of mutation.mailboxes) makeMailbox(work, mailbox);
  return { type: 'create-account' };
}

/** The account is gone at once; its rows go bit by bit (collect.ts), for there may be millions. */
export function deleteAccount(work: Work): MutationResult {
  work.db.statement('UPDATE accounts SET id = NULL WHERE n = ?').run(work.account.n);
  work.account.mailboxes.clear();
  work.account.names.clear();
  work.account.changedMailboxes.clear();
  work.records.push({ type: 'account' });
  return { type: 'delete-account' };
}

export function subscribe(work: Work, mutation: PackedOf<'subscribe'>): MutationResult {
  const { db, account } = work;
  const name = mailboxName(mutation.name);
  if (name === undefined) throw new MailError('bad-request', 'a mailbox name has no empty levels');
  const sql = mutation.subscribed
    ? 'INSERT OR IGNORE INTO subscriptions (account, name) VALUES (?, ?)'
    : 'DELETE FROM subscriptions WHERE account = ? AND name = ?';
  const { changes } = db.statement(sql).run(account.n, name);
  if (changes !== 0) work.records.push({ type: 'subscription', name });
  return { type: 'subscribe' };
}

export function setQuota(work: Work, mutation: PackedOf<'set-quota'>): MutationResult {
  work.account.quotaBytes = mutation.bytes;
  work.account.changed = true;
  work.records.push({ type: 'quota' });
  return { type: 'set-quota' };
}

export function enqueueOutbox(work: Work, mutation: PackedOf<'enqueue-outbox'>): MutationResult {
  const { db, account, now } = work;
  const { id, kind, payload, notBefore } = mutation;
  if (db.statement('SELECT 1 FROM outbox WHERE account = ? AND id = ?').get(account.n, id)) {
    throw new MailError('exists', 'the outbox id is taken');
  }
  db.statement(`INSERT INTO outbox (account, n, id, kind, payload, created_at, not_before)
    VALUES (?, ?, ?, ?, ?, ?, ?)`).run(account.n, account.nextOutbox++, id, kind, payload, now, notBefore ?? null);
  account.changed = true;
  work.records.push({ type: 'outbox' });
  return { type: 'enqueue-outbox' };
}

export function finishOutbox(work: Work, mutation: PackedOf<'finish-outbox'>): MutationResult {
  const { db, account } = work;
  const { changes } = db.statement('DELETE FROM outbox WHERE account = ? AND id = ?').run(account.n, mutation.id);
  if (changes !== 0) work.records.push({ type: 'outbox' });
  return { type: 'finish-outbox' };
}
