/** `restore`. */
import { MailError } from '#mail/failure.ts';
import { changeFlags } from '../../flags.ts';
import { newId } from '../../ids.ts';
import { type Mutation, type MutationResult, RESTORE_LIMIT, type Restored } from '../../mutation.ts';
import type { MessageId } from '../../types.ts';
import type { Account, MailboxState, Placement } from '../state.ts';
import type { Work } from '../transaction.ts';
import { makeMailbox } from './mailboxes.ts';
import { checkQuota, mailboxOf, place, record } from './place.ts';

export function restore(work: Work, mutation: Extract<Mutation, { type: 'restore' }>): MutationResult {
  const given = mutation.to === undefined ? undefined : mailboxOf(work, mutation.to);
  const ids = [...new Set(mutation.messages)];
  if (ids.length > RESTORE_LIMIT) throw new MailError('limit-exceeded', 'too many messages at once');
  const present = presentMessages(work.account);
  const last = lastRetained(work.account);
  const back = ids.filter((id) => !present.has(id) && last.has(id)).map((id) => last.get(id)!);
  checkQuota(
    work,
    back.reduce((sum, { placement }) => sum + placement.message.size, 0),
  );
  const placed = new Map<MailboxState, Placement[]>();
  const restored = back.map(({ placement: { message, flags }, mailbox: from }): Restored => {
    const to = given ?? homeOf(work, from);
    const placement = place(work, to, message, changeFlags(flags, 'remove', ['\\Deleted']));
    placed.set(to, [...(placed.get(to) ?? []), placement]);
    return { message: message.id, mailbox: to.id, uidValidity: to.uidValidity, uid: placement.uid };
  });
  for (const [mailbox, placements] of placed) record(work, 'message', mailbox, placements);
  return {
    type: 'restore',
    restored,
    present: ids.filter((id) => present.has(id)),
    missing: ids.filter((id) => !present.has(id) && !last.has(id)),
  };
}

/** Where it was; else what has that name now; else a mailbox that is made under it. */
function homeOf(work: Work, from: MailboxState): MailboxState {
  const { mailboxes } = work.account;
  if (mailboxes.has(from.id)) return from;
  const named = [...mailboxes.values()].find(({ name }) => name === from.name);
  return named ?? makeMailbox(work, { id: newId('mailbox', work.random), name: from.name });
}

export function presentMessages(account: Account): ReadonlySet<MessageId> {
  return new Set([...account.mailboxes.values()].flatMap(({ placements }) => placements.map((p) => p.message.id)));
}

export interface Retained {
  readonly mailbox: MailboxState;
  readonly placement: Placement;
  readonly at: number;
  readonly modseq: number;
}

/** The last retained placement of each message, the one that went last first. */
export function lastRetained(account: Account): Map<MessageId, Retained> {
  const all = [...account.mailboxes.values(), ...account.emptied.values()].flatMap((mailbox) =>
    Array.from(mailbox.retained.values(), (one): Retained => ({ mailbox, ...one })),
  );
  const out = new Map<MessageId, Retained>();
  for (const one of all.sort(lastFirst)) {
    if (!out.has(one.placement.message.id)) out.set(one.placement.message.id, one);
  }
  return out;
}

export function lastFirst(a: Retained, b: Retained): number {
  if (a.modseq !== b.modseq) return b.modseq - a.modseq;
  if (a.mailbox !== b.mailbox) return a.mailbox.id < b.mailbox.id ? 1 : -1;
  return b.placement.uid - a.placement.uid;
}
