/** Copying placements and taking them away, by ranges: a row costs a microsecond or two that way, one by one five. */
import { MailError } from '#mail/failure.ts';
import type { Uid, UidSet } from '../../types.ts';
import { fromUids, MAX_UID } from '../../uid-set.ts';
import type { Mailbox } from '../account.ts';
import { countIn, messageIds, type PlacementRow, tally, touch, vanish, type Work } from '../work.ts';

const COPY = `INSERT INTO placements (account, mailbox, uid, message, modseq, flags, size, saved_at)
  SELECT account, ?, uid + ?, message, ?, flags, size, ? FROM placements
  WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?`;
const MORE = `INSERT INTO more (message, mailbox, uid)
  SELECT message, ?, uid + ? FROM placements WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?`;
const RETAIN = `INSERT INTO expunged (account, mailbox, uid, message, modseq, flags, size, saved_at)
  SELECT account, mailbox, uid, message, ?, flags, size, saved_at FROM placements
  WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?`;
const REMOVE = 'DELETE FROM placements WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?';

export function checkUids(mailbox: Mailbox, count: number): void {
  if (mailbox.uidNext + count - 1 > MAX_UID) throw new MailError('limit-exceeded', 'the mailbox has no UIDs left');
}

/** Takes the next `count` UIDs; answers the first. */
export function withUids(mailbox: Mailbox, count: number): Uid {
  checkUids(mailbox, count);
  const first = mailbox.uidNext;
  mailbox.uidNext += count;
  return first;
}

/** Copies in ascending order; answers the new UIDs. */
export function copyRows(work: Work, from: Mailbox, to: Mailbox, rows: readonly PlacementRow[]): UidSet {
  if (rows.length === 0) return [];
  const { account, db, modseq, now } = work;
  const first = withUids(to, rows.length);
  const copy = db.statement(COPY);
  const more = db.statement(MORE);
  let next = first;
  // A run of neighbouring UIDs keeps its distances, so that one statement copies it.
  for (const [start, end] of fromUids(rows.map((row) => row[0]))) {
    more.run(to.n, next - start, account.n, from.n, start, end);
    copy.run(to.n, next - start, modseq, now, account.n, from.n, start, end);
    next += end - start + 1;
  }
  countIn(work, to, tally(account, rows, 1));
  touch(work, to);
  return [[first, next - 1]];
}

/** Takes placements out of a mailbox; they stay readable for a while, and leave a tombstone and a record. */
export function unplace(work: Work, mailbox: Mailbox, rows: readonly PlacementRow[]): UidSet {
  const uids = fromUids(rows.map((row) => row[0]));
  if (rows.length === 0) return uids;
  const { account, db } = work;
  work.records.push({ type: 'expunge', mailbox: mailbox.id, uids, messages: messageIds(work, mailbox, uids) });
  const retain = db.statement(RETAIN);
  const remove = db.statement(REMOVE);
  for (const [start, end] of uids) {
    retain.run(work.modseq, account.n, mailbox.n, start, end);
    remove.run(account.n, mailbox.n, start, end);
  }
  countIn(work, mailbox, tally(account, rows, -1));
  touch(work, mailbox);
  vanish(work, mailbox, uids);
  return uids;
}
