/** `create-mailbox`, `delete-mailbox`, `rename-mailbox`, `set-role`, `raise-uid-next`. */
import { MailError } from '#mail/failure.ts';
import { isId } from '../../ids.ts';
import type { Mutation, MutationResult, NewMailbox } from '../../mutation.ts';
import { INBOX, mailboxName, namesAfterRename } from '../../names.ts';
import type { Role } from '../../types.ts';
import { checkUidNext, checkValidity } from '../../uid-rules.ts';
import { type MailboxState, newMailbox } from '../state.ts';
import type { Work } from '../transaction.ts';
import { mailboxOf, unplace } from './place.ts';

type Of<T extends Mutation['type']> = Extract<Mutation, { type: T }>;

export function createMailbox(work: Work, mutation: Of<'create-mailbox'>): MutationResult {
  const mailbox = makeMailbox(work, mutation);
  return { type: 'create-mailbox', id: mailbox.id, uidValidity: mailbox.uidValidity };
}

export function makeMailbox(work: Work, given: NewMailbox): MailboxState {
  const { account, tx } = work;
  const { id, role } = given;
  if (!isId(id)) throw new MailError('bad-request', 'bad mailbox id');
  if (account.mailboxes.has(id) || account.removed.has(id)) throw new MailError('exists', 'the mailbox id is taken');
  const name = freeName(work, given.name);
  const validity = given.uidValidity === undefined ? nextValidity(work) : givenValidity(work, name, given.uidValidity);
  const mailbox = newMailbox(id, name, validity, work.modseq);
  tx.set(account.mailboxes, id, mailbox);
  tx.set(account.validityOfName, name, mailbox.uidValidity);
  giveRole(work, mailbox, name === INBOX ? 'inbox' : role);
  recordMailbox(work, mailbox, 'create');
  return mailbox;
}

/** RFC 9051 §2.3.1.1: greater than any earlier one of the name. One counter for all names, ahead of it the time in seconds, does more than that. */
function nextValidity(work: Work): number {
  const validity = Math.max(work.account.lastUidValidity + 1, Math.floor(work.now / 1000));
  work.tx.assign(work.account, { lastUidValidity: validity });
  return validity;
}

function givenValidity(work: Work, name: string, validity: number): number {
  const { account, tx } = work;
  checkValidity(validity, account.validityOfName.get(name) ?? 0);
  tx.assign(account, { lastUidValidity: Math.max(account.lastUidValidity, validity) });
  return validity;
}

function freeName(work: Work, given: string): string {
  const name = mailboxName(given);
  if (name === undefined) throw new MailError('bad-request', 'a mailbox name has no empty levels');
  for (const other of work.account.mailboxes.values()) {
    if (other.name === name) throw new MailError('exists', 'a mailbox of that name exists');
  }
  return name;
}

function giveRole(work: Work, mailbox: MailboxState, role: Role | undefined): void {
  if ((role === 'inbox') !== (mailbox.name === INBOX)) {
    throw new MailError('not-permitted', 'the role inbox belongs to INBOX');
  }
  for (const other of work.account.mailboxes.values()) {
    if (role !== undefined && other !== mailbox && other.role === role) {
      throw new MailError('exists', 'another mailbox has that role');
    }
  }
  work.tx.assign(mailbox, { role });
}

export function deleteMailbox(work: Work, mutation: Of<'delete-mailbox'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  if (mailbox.name === INBOX) throw new MailError('not-permitted', 'INBOX can not be deleted');
  unplace(work, mailbox, mailbox.placements);
  if (mailbox.retained.size > 0) work.tx.set(work.account.emptied, mailbox.id, mailbox);
  work.tx.remove(work.account.mailboxes, mailbox.id);
  work.tx.set(work.account.removed, mailbox.id, work.modseq);
  recordMailbox(work, mailbox, 'remove');
  return { type: 'delete-mailbox' };
}

export function renameMailbox(work: Work, mutation: Of<'rename-mailbox'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  const { name, children } = mutation;
  for (const renamed of namesAfterRename(work.account.mailboxes.values(), mailbox, name, children)) {
    rename(work, renamed.mailbox, renamed.name, renamed.mailbox === mailbox ? mutation.uidValidity : undefined);
  }
  return { type: 'rename-mailbox' };
}

function rename(work: Work, mailbox: MailboxState, target: string, given: number | undefined): void {
  const name = freeName(work, target);
  // The name may once have stood for a mailbox with a greater UIDVALIDITY than this one has (RFC 9051 §6.3.6).
  const earlier = work.account.validityOfName.get(name) ?? 0;
  const kept = mailbox.uidValidity > earlier ? mailbox.uidValidity : undefined;
  const uidValidity = given === undefined ? (kept ?? nextValidity(work)) : givenValidity(work, name, given);
  work.tx.assign(mailbox, { name, uidValidity });
  work.tx.set(work.account.validityOfName, name, uidValidity);
  recordMailbox(work, mailbox, 'change');
}

export function raiseUidNext(work: Work, mutation: Of<'raise-uid-next'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  checkUidNext(mutation.uidNext);
  work.tx.assign(mailbox, { uidNext: Math.max(mailbox.uidNext, mutation.uidNext) });
  return { type: 'raise-uid-next' };
}

export function setRole(work: Work, mutation: Of<'set-role'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  giveRole(work, mailbox, mutation.role ?? undefined);
  recordMailbox(work, mailbox, 'change');
  return { type: 'set-role' };
}

function recordMailbox(work: Work, mailbox: MailboxState, act: 'create' | 'remove' | 'change'): void {
  work.records.push({ modseq: work.modseq, type: 'mailbox', mailbox: mailbox.id, act, name: mailbox.name });
}
