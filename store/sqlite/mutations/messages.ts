/** `add-message`, `copy`, `move`, `expunge`. */
import { createHash } from 'node:crypto';
import { MailError } from '#mail/failure.ts';
import { isId, newId } from '../../ids.ts';
import type { MutationResult } from '../../mutation.ts';
import type { MessageId, ThreadId, Uid } from '../../types.ts';
import { ALL, fromUids } from '../../uid-set.ts';
import type { FlagSet, Mailbox } from '../account.ts';
import type { ArrayRow } from '../database.ts';
import { asBuffer, headMessage, headSize, headThread, type PackedMessage, packHead } from '../pack.ts';
import {
  checkFlags,
  checkQuota,
  countIn,
  find,
  intern,
  mailboxOf,
  makeFindable,
  messageIds,
  normalise,
  type PackedOf,
  placementsIn,
  touch,
  type Work,
} from '../work.ts';
import { findBody, takeBody } from './bodies.ts';
import { checkUids, copyRows, unplace, withUids } from './place.ts';

const PLACE = `INSERT INTO placements (account, mailbox, uid, message, modseq, flags, size, saved_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const GROWS = 'INSERT INTO growth (account, message, octets) VALUES (?, ?, ?)';
const ADD = 'INSERT INTO messages (k, account, mailbox, uid, head, columns) VALUES (?, ?, ?, ?, ?, ?)';
const MORE = 'INSERT INTO more (message, mailbox, uid) VALUES (?, ?, ?)';

interface Stored {
  readonly n: number;
  readonly thread: ThreadId;
  readonly size: number;
}

/** Whatever may be refused is refused before anything is changed, rows or memory (commit.ts counts on it). */
export function addMessage(work: Work, mutation: PackedOf<'add-message'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  const { message, as } = mutation;
  if (!isId(message.id)) throw new MailError('bad-request', 'bad message id');
  if (as !== undefined && !isId(as.thread)) throw new MailError('bad-request', 'bad thread id');
  checkFlags(mutation.flags);
  const existing = existingMessage(work, message.id);
  checkQuota(work, existing?.size ?? message.prefix.length + message.body.length);
  checkUids(mailbox, 1);
  const body = existing ? undefined : findBody(work, message.body);
  work.wrote = true;
  const uid = withUids(mailbox, 1);
  if (existing) work.db.statement(MORE).run(existing.n, mailbox.n, uid);
  const stored = existing ?? newMessage(work, mailbox, uid, mutation, takeBody(work, message.body, body));
  place(work, mailbox, uid, stored, intern(work, normalise(work, mutation.flags)), as?.savedAt);
  work.records.push({ type: 'message', mailbox: mailbox.id, uids: [[uid, uid]], messages: [message.id] });
  return { type: 'add-message', uidValidity: mailbox.uidValidity, uid, message: message.id, thread: stored.thread };
}

/** What a commit that only adds this message will ask for: one question instead of three. */
export const namesOf = (message: PackedMessage): string[] => [`m${message.id}`, ...threadNames(message.threadKeys)];

function existingMessage(work: Work, id: MessageId): Stored | undefined {
  const [found] = find(work, [`m${id}`]);
  for (const n of found as readonly number[]) {
    const row = work.db.arrays('SELECT head FROM messages WHERE k = ?').get(n) as ArrayRow | undefined;
    const head = row && asBuffer(row[0] as Uint8Array);
    if (head && headMessage(head) === id) return { n, thread: headThread(head), size: headSize(head) };
  }
  return undefined;
}

function newMessage(
  work: Work,
  mailbox: Mailbox,
  uid: Uid,
  { message, as }: PackedOf<'add-message'>,
  body: number,
): Stored {
  const { db, account, shard } = work;
  const thread = threadOf(work, message.threadKeys, as?.thread);
  const n = shard.nextMessage++;
  const size = message.prefix.length + message.body.length;
  db.statement(ADD).run(n, account.n, mailbox.n, uid, packHead(message, thread, body, size), message.columns);
  if (message.growth > 0) db.statement(GROWS).run(account.n, n, message.growth);
  makeFindable(work, `m${message.id}`, n);
  return { n, thread, size };
}

const LONGEST_KEY = 200;

function threadNames(keys: readonly string[]): string[] {
  return keys.map((key) => `t${key.length > LONGEST_KEY ? createHash('sha256').update(key).digest('hex') : key}`);
}

/** The thread of the first message that this one names and that the account has seen; every id that it names leads here from now on. */
function threadOf(work: Work, keys: readonly string[], elsewhere: ThreadId | undefined): ThreadId {
  const names = threadNames(keys);
  const found = find(work, names).map((values) => values[0] as ThreadId | undefined);
  const thread = elsewhere ?? found.find((one) => one !== undefined) ?? newId('thread', work.random);
  for (const [i, name] of names.entries()) if (found[i] === undefined) makeFindable(work, name, thread);
  return thread;
}

function place(work: Work, mailbox: Mailbox, uid: Uid, message: Stored, flags: FlagSet, savedAt = work.now): void {
  const { account, modseq } = work;
  work.db.statement(PLACE).run(account.n, mailbox.n, uid, message.n, modseq, flags.n, message.size, savedAt);
  countIn(work, mailbox, { messages: 1, unseen: flags.unseen, deleted: flags.deleted, size: message.size });
  touch(work, mailbox);
}

export function copy(work: Work, mutation: PackedOf<'copy'>): MutationResult {
  return copies(work, mutation).answer;
}

export function move(work: Work, mutation: PackedOf<'move'>): MutationResult {
  const { answer, from, rows } = copies(work, mutation);
  unplace(work, from, rows);
  return answer;
}

function copies(work: Work, mutation: PackedOf<'copy' | 'move'>) {
  const from = mailboxOf(work, mutation.from);
  const to = mailboxOf(work, mutation.to);
  const rows = placementsIn(work, from, mutation.uids);
  // A move frees as much as it takes.
  if (mutation.type === 'copy')
    checkQuota(
      work,
      rows.reduce((sum, row) => sum + row[4], 0),
    );
  const targets = copyRows(work, from, to, rows);
  const sources = fromUids(rows.map((row) => row[0]));
  if (rows.length > 0) {
    work.records.push({ type: 'message', mailbox: to.id, uids: targets, messages: messageIds(work, from, sources) });
  }
  const answer: MutationResult = { type: mutation.type, uidValidity: to.uidValidity, sources, targets };
  return { answer, from, rows };
}

export function expunge(work: Work, mutation: PackedOf<'expunge'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  const asked = placementsIn(work, mailbox, mutation.uids ?? ALL);
  const { byNumber } = work.account.flagSets;
  const gone = mutation.onlyDeleted ? asked.filter((row) => byNumber.get(row[3])!.deleted === 1) : asked;
  return { type: 'expunge', expunged: unplace(work, mailbox, gone) };
}
