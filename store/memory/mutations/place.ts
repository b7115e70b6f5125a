/** Placing messages and taking placements away: the steps that several mutations share, with the counters that they move. */
import { MailError } from '#mail/failure.ts';
import { hasFlag } from '../../flags.ts';
import type { Flags, MailboxId, UidSet } from '../../types.ts';
import { fromUids, MAX_UID } from '../../uid-set.ts';
import type { MailboxState, Message, Placement } from '../state.ts';
import type { Work } from '../transaction.ts';

export function mailboxOf(work: Work, id: MailboxId): MailboxState {
  const mailbox = work.account.mailboxes.get(id);
  if (mailbox === undefined) throw new MailError('no-such-mailbox', 'no such mailbox');
  return mailbox;
}

/** Adds or (with `sign` -1) takes a message from the counters of its mailbox. */
export function countIn(work: Work, mailbox: MailboxState, flags: Flags, size: number, sign: 1 | -1): void {
  work.tx.assign(mailbox, {
    messages: mailbox.messages + sign,
    unseen: mailbox.unseen + (hasFlag(flags, '\\Seen') ? 0 : sign),
    deleted: mailbox.deleted + (hasFlag(flags, '\\Deleted') ? sign : 0),
    size: mailbox.size + sign * size,
  });
  const { account } = work;
  work.tx.assign(account, {
    usedMessages: account.usedMessages + sign,
    usedBytes: account.usedBytes + sign * size,
  });
}

export function checkQuota(work: Work, more: number): void {
  const { quotaBytes, usedBytes } = work.account;
  if (quotaBytes !== undefined && more > 0 && usedBytes + more > quotaBytes) {
    throw new MailError('over-quota', 'the mailbox is full');
  }
}

export function place(
  work: Work,
  mailbox: MailboxState,
  message: Message,
  flags: Flags,
  savedAt = work.now,
): Placement {
  const uid = mailbox.uidNext;
  if (uid > MAX_UID) throw new MailError('limit-exceeded', 'the mailbox has no UIDs left');
  const placement = { uid, message, savedAt, flags, modseq: work.modseq };
  work.tx.push(mailbox.placements, placement);
  work.tx.assign(mailbox, { uidNext: uid + 1, highestModseq: work.modseq });
  work.tx.assign(message, { placements: message.placements + 1 });
  countIn(work, mailbox, flags, message.size, 1);
  return placement;
}

/** Takes placements out of a mailbox; they stay readable for a while, and leave a tombstone and a record. */
export function unplace(work: Work, mailbox: MailboxState, gone: readonly Placement[]): UidSet {
  const uids = fromUids(gone.map((placement) => placement.uid));
  if (gone.length === 0) return uids;
  const without = new Set(gone);
  work.tx.assign(mailbox, {
    placements: mailbox.placements.filter((placement) => !without.has(placement)),
    highestModseq: work.modseq,
  });
  for (const placement of gone) {
    work.tx.set(mailbox.retained, placement.uid, { placement, at: work.now, modseq: work.modseq });
    countIn(work, mailbox, placement.flags, placement.message.size, -1);
  }
  work.tx.push(mailbox.tombstones, { modseq: work.modseq, at: work.now, uids });
  record(work, 'expunge', mailbox, gone);
  return uids;
}

/** One reference less; the message and its body go with the last. */
export function release(work: Pick<Work, 'tx' | 'state' | 'account'>, message: Message): void {
  work.tx.assign(message, { placements: message.placements - 1 });
  if (message.placements > 0) return;
  work.tx.remove(work.account.messages, message.id);
  const body = work.state.bodies.get(message.body);
  if (body === undefined) return;
  work.tx.assign(body, { references: body.references - 1 });
  if (body.references === 0) work.tx.remove(work.state.bodies, message.body);
}

export function record(
  work: Work,
  type: 'message' | 'flags' | 'expunge',
  mailbox: MailboxState,
  placements: readonly Placement[],
): void {
  if (placements.length === 0) return;
  const uids = fromUids(placements.map((placement) => placement.uid));
  const base = { modseq: work.modseq, type, mailbox: mailbox.id, uids };
  const messages = [...new Set(placements.map((placement) => placement.message.id))];
  work.records.push(type === 'flags' ? base : { ...base, messages });
}
