/** `create-mailbox`, `delete-mailbox`, `rename-mailbox`, `set-role`, `raise-uid-next`. */
import { MailError } from '#mail/failure.ts';
import { isId } from '../../ids.ts';
import type { MutationResult, NewMailbox } from '../../mutation.ts';
import { INBOX, mailboxName, namesAfterRename } from '../../names.ts';
import type { MailboxId, Role } from '../../types.ts';
import { checkUidNext, checkValidity } from '../../uid-rules.ts';
import { ALL } from '../../uid-set.ts';
import { addMailbox, type Mailbox } from '../account.ts';
import type { ArrayRow } from '../database.ts';
import { mailboxOf, type PackedOf, placementsIn, type Work } from '../work.ts';
import { unplace } from './place.ts';

const ADD = `INSERT INTO mailboxes (account, n, id, name, role, uid_validity, uid_next, highest_modseq, created_modseq,
  messages, unseen, deleted, size, tombstone_floor) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, 0, 0, 0, 0, 0)`;
const EMPTIED = 'INSERT INTO emptied_mailboxes (account, n, id, name) VALUES (?, ?, ?, ?)';

export function createMailbox(work: Work, mutation: PackedOf<'create-mailbox'>): MutationResult {
  const mailbox = makeMailbox(work, mutation);
  return { type: 'create-mailbox', id: mailbox.id, uidValidity: mailbox.uidValidity };
}

export function makeMailbox(work: Work, given: NewMailbox): Mailbox {
  const { db, account, modseq } = work;
  const { id, role } = given;
  if (!isId(id)) throw new MailError('bad-request', 'bad mailbox id');
  if (account.mailboxes.has(id) || wasRemoved(work, id)) throw new MailError('exists', 'the mailbox id is taken');
  const name = freeName(work, given.name);
  const mailbox: Mailbox = {
    n: account.nextMailbox++,
    id,
    name,
    role: null,
    uidValidity: given.uidValidity === undefined ? nextValidity(work) : givenValidity(work, name, given.uidValidity),
    uidNext: 1,
    highestModseq: modseq,
    createdModseq: modseq,
    messages: 0,
    unseen: 0,
    deleted: 0,
    size: 0,
  };
  giveRole(work, mailbox, name === INBOX ? 'inbox' : (role ?? null));
  addMailbox(account, mailbox);
  db.statement(ADD).run(account.n, mailbox.n, id, name, mailbox.role, mailbox.uidValidity, modseq, modseq);
  rememberValidity(work, name, mailbox.uidValidity);
  recordMailbox(work, mailbox, 'create');
  return mailbox;
}

function wasRemoved(work: Work, id: MailboxId): boolean {
  const find = work.db.statement('SELECT 1 FROM removed_mailboxes WHERE account = ? AND id = ?');
  return find.get(work.account.n, id) !== undefined;
}

/** RFC 9051 §2.3.1.1: greater than any earlier one of the name. One counter for all names, ahead of it the time in seconds, does more than that. */
function nextValidity(work: Work): number {
  work.account.uidValidity = Math.max(work.account.uidValidity + 1, Math.floor(work.now / 1000));
  work.account.changed = true;
  return work.account.uidValidity;
}

function givenValidity(work: Work, name: string, validity: number): number {
  const { account } = work;
  checkValidity(validity, earlierValidity(work, name));
  account.uidValidity = Math.max(account.uidValidity, validity);
  account.changed = true;
  return validity;
}

/** The greatest that the name had; 0 for none. */
function earlierValidity({ db, account }: Work, name: string): number {
  const find = db.arrays('SELECT uid_validity FROM mailbox_names WHERE account = ? AND name = ?');
  return ((find.get(account.n, name) as ArrayRow | undefined)?.[0] as number | undefined) ?? 0;
}

function rememberValidity(work: Work, name: string, uidValidity: number): void {
  work.db
    .statement('INSERT OR REPLACE INTO mailbox_names (account, name, uid_validity) VALUES (?, ?, ?)')
    .run(work.account.n, name, uidValidity);
}

function freeName(work: Work, given: string): string {
  const name = mailboxName(given);
  if (name === undefined) throw new MailError('bad-request', 'a mailbox name has no empty levels');
  if (work.account.names.has(name)) throw new MailError('exists', 'a mailbox of that name exists');
  return name;
}

function giveRole(work: Work, mailbox: Mailbox, role: Role | null): void {
  if ((role === 'inbox') !== (mailbox.name === INBOX)) {
    throw new MailError('not-permitted', 'the role inbox belongs to INBOX');
  }
  for (const other of work.account.mailboxes.values()) {
    if (role !== null && other !== mailbox && other.role === role) {
      throw new MailError('exists', 'another mailbox has that role');
    }
  }
  mailbox.role = role;
}

export function deleteMailbox(work: Work, mutation: PackedOf<'delete-mailbox'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  if (mailbox.name === INBOX) throw new MailError('not-permitted', 'INBOX can not be deleted');
  const { db, account, modseq } = work;
  unplace(work, mailbox, placementsIn(work, mailbox, ALL));
  account.mailboxes.delete(mailbox.id);
  account.names.delete(mailbox.name);
  account.changedMailboxes.delete(mailbox);
  if (db.statement('SELECT 1 FROM expunged WHERE account = ? AND mailbox = ? LIMIT 1').get(account.n, mailbox.n)) {
    db.statement(EMPTIED).run(account.n, mailbox.n, mailbox.id, mailbox.name);
  }
  db.statement('DELETE FROM mailboxes WHERE account = ? AND n = ?').run(account.n, mailbox.n);
  db.statement('DELETE FROM tombstones WHERE account = ? AND mailbox = ?').run(account.n, mailbox.n);
  db.statement('INSERT INTO removed_mailboxes (account, id, modseq) VALUES (?, ?, ?)').run(
    account.n,
    mailbox.id,
    modseq,
  );
  recordMailbox(work, mailbox, 'remove');
  return { type: 'delete-mailbox' };
}

export function renameMailbox(work: Work, mutation: PackedOf<'rename-mailbox'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  const { name, children } = mutation;
  for (const renamed of namesAfterRename(work.account.mailboxes.values(), mailbox, name, children)) {
    rename(work, renamed.mailbox, renamed.name, renamed.mailbox === mailbox ? mutation.uidValidity : undefined);
  }
  return { type: 'rename-mailbox' };
}

function rename(work: Work, mailbox: Mailbox, target: string, given: number | undefined): void {
  const { account } = work;
  const name = freeName(work, target);
  // The name may once have stood for a mailbox with a greater UIDVALIDITY than this one has (RFC 9051 §6.3.6).
  if (given !== undefined) mailbox.uidValidity = givenValidity(work, name, given);
  else if (mailbox.uidValidity <= earlierValidity(work, name)) mailbox.uidValidity = nextValidity(work);
  account.names.delete(mailbox.name);
  mailbox.name = name;
  account.names.set(name, mailbox);
  account.changedMailboxes.add(mailbox);
  rememberValidity(work, name, mailbox.uidValidity);
  recordMailbox(work, mailbox, 'change');
}

export function raiseUidNext(work: Work, mutation: PackedOf<'raise-uid-next'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  checkUidNext(mutation.uidNext);
  mailbox.uidNext = Math.max(mailbox.uidNext, mutation.uidNext);
  work.account.changedMailboxes.add(mailbox);
  return { type: 'raise-uid-next' };
}

export function setRole(work: Work, mutation: PackedOf<'set-role'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  giveRole(work, mailbox, mutation.role);
  work.account.changedMailboxes.add(mailbox);
  recordMailbox(work, mailbox, 'change');
  return { type: 'set-role' };
}

function recordMailbox(work: Work, mailbox: Mailbox, act: 'create' | 'remove' | 'change'): void {
  work.records.push({ type: 'mailbox', mailbox: mailbox.id, act, name: mailbox.name });
}
