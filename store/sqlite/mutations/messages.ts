/** `add-message`, `copy`, `move`, `expunge`. */
import { createHash } from 'node:crypto';
import { MailError } from '#mail/failure.ts';
import { isId, newId } from '../../ids.ts';
import type { MutationResult } from '../../mutation.ts';
import type { MessageId, ThreadId, Uid } from '../../types.ts';
import { ALL, fromUids } from '../../uid-set.ts';
import type { FlagSet, Mailbox } from '../account.ts';
import type { ArrayRow } from '../database.ts';
import { asBuffer, headSize, headThread, type PackedMessage, packHead } from '../pack.ts';
import {
  checkFlags,
  checkQuota,
  countIn,
  intern,
  mailboxOf,
  messageIds,
  messageKey,
  normalise,
  type PackedOf,
  placementsIn,
  touch,
  type Work,
} from '../work.ts';
import { takeBody } from './bodies.ts';
import { copyRows, unplace, withUids } from './place.ts';

const PLACE = `INSERT INTO placements (account, mailbox, uid, message, modseq, flags, size, saved_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const ADD = 'INSERT INTO messages (k, head, columns) VALUES (?, ?, ?)';

interface Stored {
  readonly n: number;
  readonly thread: ThreadId;
  readonly size: number;
}

/** Whatever may be refused is refused before anything is written (commit.ts counts on it). */
export function addMessage(work: Work, mutation: PackedOf<'add-message'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  const { message } = mutation;
  const existing = existingMessage(work, message.id);
  checkQuota(work, existing?.size ?? message.prefix.length + message.body.length);
  if (!isId(message.id)) throw new MailError('bad-request', 'bad message id');
  const uid = withUids(mailbox, 1);
  checkFlags(mutation.flags);
  const stored = existing ?? newMessage(work, message);
  place(work, mailbox, uid, stored, intern(work, normalise(work, mutation.flags)));
  work.records.push({ type: 'message', mailbox: mailbox.id, uids: [[uid, uid]], messages: [message.id] });
  return { type: 'add-message', uidValidity: mailbox.uidValidity, uid, message: message.id, thread: stored.thread };
}

function existingMessage(work: Work, id: MessageId): Stored | undefined {
  const { db, account } = work;
  const row = db.arrays('SELECT n FROM message_ids WHERE account = ? AND id = ?').get(account.n, id) as
    | ArrayRow
    | undefined;
  if (!row) return undefined;
  const n = row[0] as number;
  const [blob] = db.arrays('SELECT head FROM messages WHERE k = ?').get(messageKey(account, n)) as unknown as [
    Uint8Array,
  ];
  const head = asBuffer(blob);
  return { n, thread: headThread(head), size: headSize(head) };
}

function newMessage(work: Work, message: PackedMessage): Stored {
  const { db, account } = work;
  takeBody(work, message.body);
  const thread = threadOf(work, message.threadKeys);
  const n = account.nextMessage++;
  const size = message.prefix.length + message.body.length;
  db.statement(ADD).run(messageKey(account, n), packHead(message, thread, size), message.columns);
  db.statement('INSERT INTO message_ids (account, id, n) VALUES (?, ?, ?)').run(account.n, message.id, n);
  return { n, thread, size };
}

const LONGEST_KEY = 200;

/** The thread of the first message that this one names and that the account has seen; every id that it names leads here from now on. */
function threadOf(work: Work, keys: readonly string[]): ThreadId {
  const { db, account } = work;
  const find = db.arrays('SELECT thread FROM thread_keys WHERE account = ? AND key = ?');
  const short = keys.map((key) => (key.length > LONGEST_KEY ? createHash('sha256').update(key).digest('hex') : key));
  const found = short.map((key) => (find.get(account.n, key) as ArrayRow | undefined)?.[0] as string | undefined);
  const thread = found.find((one) => one !== undefined) ?? newId('thread', work.random);
  const add = db.statement('INSERT OR IGNORE INTO thread_keys (account, key, thread) VALUES (?, ?, ?)');
  short.forEach((key, i) => {
    if (found[i] === undefined) add.run(account.n, key, thread);
  });
  return thread;
}

function place(work: Work, mailbox: Mailbox, uid: Uid, message: Stored, flags: FlagSet): void {
  const { account, modseq, now } = work;
  work.db.statement(PLACE).run(account.n, mailbox.n, uid, message.n, modseq, flags.n, message.size, now);
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
  if (rows.length > 0) {
    work.records.push({ type: 'message', mailbox: to.id, uids: targets, messages: messageIds(work, rows) });
  }
  const sources = fromUids(rows.map((row) => row[0]));
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
