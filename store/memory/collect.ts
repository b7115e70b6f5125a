/** What time takes away: retained content, tombstones and log records, commit ids, bodies that nobody named (STORE.md §3, §5). */

import type { Retention } from '../retention.ts';
import { release } from './mutations/place.ts';
import type { Account, MailboxState, State } from './state.ts';
import { Transaction, type Work } from './transaction.ts';

export function collect(state: State, now: number, retention: Retention): void {
  for (const account of state.accounts.values()) {
    for (const mailbox of account.mailboxes.values()) {
      collectContent(state, account, mailbox, now - retention.expunged);
      collectTombstones(mailbox, now - retention.tombstones);
    }
    for (const mailbox of account.emptied.values()) {
      collectContent(state, account, mailbox, now - retention.expunged);
      if (mailbox.retained.size === 0) account.emptied.delete(mailbox.id);
    }
    collectLog(account, now - retention.tombstones);
    for (const [key, { expiresAt }] of account.records) {
      if (expiresAt !== undefined && expiresAt <= now) account.records.delete(key);
    }
    for (const [id, { at }] of account.commits) if (at < now - retention.commitIds) account.commits.delete(id);
  }
  for (const [id, body] of state.bodies) {
    if (body.references === 0 && body.storedAt < now - retention.staged) state.bodies.delete(id);
  }
}

function collectContent(state: State, account: Account, mailbox: MailboxState, before: number): void {
  const work: Pick<Work, 'tx' | 'state' | 'account'> = { tx: new Transaction(), state, account };
  for (const [uid, { placement, at }] of mailbox.retained) {
    if (at >= before) continue;
    mailbox.retained.delete(uid);
    release(work, placement.message);
  }
}

function collectTombstones(mailbox: MailboxState, before: number): void {
  const kept = mailbox.tombstones.filter(({ at }) => at >= before);
  const lost = mailbox.tombstones.filter(({ at }) => at < before);
  mailbox.tombstoneFloor = Math.max(mailbox.tombstoneFloor, ...lost.map(({ modseq }) => modseq));
  mailbox.tombstones = kept;
}

function collectLog(account: Account, before: number): void {
  const lost = account.log.filter(({ at }) => at < before);
  account.logFloor = Math.max(account.logFloor, ...lost.map(({ record }) => record.modseq));
  account.log = account.log.filter(({ at }) => at >= before);
  for (const [id, modseq] of account.removed) if (modseq <= account.logFloor) account.removed.delete(id);
}
