/** `add-message`, `copy`, `move`, `expunge`. */
import { MailError } from '#mail/failure.ts';
import { hasFlag, normaliseFlags } from '../../flags.ts';
import { isId, newId } from '../../ids.ts';
import type { Mutation, MutationResult } from '../../mutation.ts';
import { threadKeys } from '../../threads.ts';
import type { BodyRef, InlineBody, NewMessage, ThreadId } from '../../types.ts';
import { ALL, fromUids } from '../../uid-set.ts';
import { type MailboxState, type Message, type Placement, placementsIn } from '../state.ts';
import type { Work } from '../transaction.ts';
import { checkQuota, mailboxOf, place, record, unplace } from './place.ts';

type Of<T extends Mutation['type']> = Extract<Mutation, { type: T }>;

export function addMessage(work: Work, mutation: Of<'add-message'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  const existing = work.account.messages.get(mutation.message.id);
  checkQuota(work, existing?.size ?? mutation.message.prefix.length + mutation.message.body.length);
  const message = existing ?? newMessage(work, mutation);
  const placement = place(work, mailbox, message, normaliseFlags(mutation.flags, spelling(work)), mutation.as?.savedAt);
  record(work, 'message', mailbox, [placement]);
  const { uidValidity } = mailbox;
  return { type: 'add-message', uidValidity, uid: placement.uid, message: message.id, thread: message.thread };
}

function newMessage(work: Work, { message: given, as }: Of<'add-message'>): Message {
  if (as !== undefined && !isId(as.thread)) throw new MailError('bad-request', 'bad thread id');
  if (!isId(given.id)) throw new MailError('bad-request', 'bad message id');
  takeBody(work, given.body);
  const message: Message = {
    id: given.id,
    thread: threadOf(work, given, as?.thread),
    body: given.body.id,
    prefix: Uint8Array.from(given.prefix),
    index: given.index,
    internalDate: given.internalDate,
    size: given.prefix.length + given.body.length,
    placements: 0,
  };
  work.tx.set(work.account.messages, message.id, message);
  return message;
}

function takeBody(work: Work, given: BodyRef | InlineBody): void {
  if (!isId(given.id)) throw new MailError('bad-request', 'bad body id');
  const stored = work.state.bodies.get(given.id);
  if (stored !== undefined) {
    if (stored.data.length !== given.length) throw new MailError('unavailable', 'the body is not the one announced');
    work.tx.assign(stored, { references: stored.references + 1 });
    return;
  }
  if (!('data' in given)) throw new MailError('unavailable', 'the staged body is gone');
  if (given.data.length !== given.length) throw new MailError('bad-request', 'the body has another length');
  work.tx.set(work.state.bodies, given.id, { data: Uint8Array.from(given.data), references: 1, storedAt: work.now });
}

/** The thread of the first message that this one names and that the account has seen; every id that it names leads here from now on. */
function threadOf(work: Work, given: NewMessage, elsewhere: ThreadId | undefined): ThreadId {
  const keys = threadKeys(given.index.headers);
  const known = keys.map((key) => work.account.threads.get(key)).find((thread) => thread !== undefined);
  const thread = elsewhere ?? known ?? newId('thread', work.random);
  for (const key of keys) if (!work.account.threads.has(key)) work.tx.set(work.account.threads, key, thread);
  return thread;
}

export function copy(work: Work, mutation: Of<'copy'>): MutationResult {
  const { sources, made, to } = copies(work, mutation);
  return answer('copy', to, sources, made);
}

export function move(work: Work, mutation: Of<'move'>): MutationResult {
  const { sources, made, from, to } = copies(work, mutation);
  unplace(work, from, sources);
  return answer('move', to, sources, made);
}

function copies(work: Work, mutation: Of<'copy' | 'move'>) {
  const from = mailboxOf(work, mutation.from);
  const to = mailboxOf(work, mutation.to);
  const sources = placementsIn(from, mutation.uids);
  // A move frees as much as it takes.
  if (mutation.type === 'copy')
    checkQuota(
      work,
      sources.reduce((sum, source) => sum + source.message.size, 0),
    );
  const made = sources.map((source) => place(work, to, source.message, source.flags));
  record(work, 'message', to, made);
  return { sources, made, from, to };
}

function answer(
  type: 'copy' | 'move',
  to: MailboxState,
  sources: readonly Placement[],
  made: readonly Placement[],
): MutationResult {
  const uids = (placements: readonly Placement[]) => fromUids(placements.map((placement) => placement.uid));
  return { type, uidValidity: to.uidValidity, sources: uids(sources), targets: uids(made) };
}

export function expunge(work: Work, mutation: Of<'expunge'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  const asked = placementsIn(mailbox, mutation.uids ?? ALL);
  const gone = mutation.onlyDeleted ? asked.filter((placement) => hasFlag(placement.flags, '\\Deleted')) : asked;
  return { type: 'expunge', expunged: unplace(work, mailbox, gone) };
}

/** New spellings go with the commit that brought them, if it fails. */
export function spelling(work: Work) {
  const { account, tx } = work;
  return {
    get: (key: string) => account.spelling.get(key),
    set: (key: string, flag: string) => tx.set(account.spelling, key, flag),
  };
}
