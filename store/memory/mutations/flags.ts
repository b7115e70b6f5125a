/** `set-flags`, `require-unchanged`. */
import { MailError } from '#mail/failure.ts';
import { changeFlags, hasFlag, normaliseFlags, sameFlags } from '../../flags.ts';
import type { Mutation, MutationResult } from '../../mutation.ts';
import type { Flags } from '../../types.ts';
import { count, fromUids } from '../../uid-set.ts';
import { type MailboxState, type Placement, placementsIn } from '../state.ts';
import type { Work } from '../transaction.ts';
import { spelling } from './messages.ts';
import { mailboxOf, record } from './place.ts';

export function setFlags(work: Work, mutation: Extract<Mutation, { type: 'set-flags' }>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  const given = normaliseFlags(mutation.flags, spelling(work));
  const limit = mutation.unchangedSince ?? Number.POSITIVE_INFINITY;
  const changed: Placement[] = [];
  const modified: Placement[] = [];
  for (const placement of placementsIn(mailbox, mutation.uids)) {
    if (placement.modseq > limit) {
      modified.push(placement);
      continue;
    }
    const flags = changeFlags(placement.flags, mutation.change, given);
    if (sameFlags(flags, placement.flags)) continue;
    put(work, mailbox, placement, flags);
    changed.push(placement);
  }
  record(work, 'flags', mailbox, changed);
  const uids = (placements: readonly Placement[]) => fromUids(placements.map((placement) => placement.uid));
  return { type: 'set-flags', changed: uids(changed), modified: uids(modified), flags: given };
}

export function requireUnchanged(
  work: Work,
  { mailbox, uids, since }: Extract<Mutation, { type: 'require-unchanged' }>,
): MutationResult {
  const found = placementsIn(mailboxOf(work, mailbox), uids);
  if (found.length !== count(uids) || found.some(({ modseq }) => modseq > since)) {
    throw new MailError('conflict', 'a message has changed since');
  }
  return { type: 'require-unchanged' };
}

function put(work: Work, mailbox: MailboxState, placement: Placement, flags: Flags): void {
  const step = (flag: string) => Number(hasFlag(flags, flag)) - Number(hasFlag(placement.flags, flag));
  work.tx.assign(mailbox, {
    unseen: mailbox.unseen - step('\\Seen'),
    deleted: mailbox.deleted + step('\\Deleted'),
    highestModseq: work.modseq,
  });
  work.tx.assign(placement, { flags, modseq: work.modseq });
}
