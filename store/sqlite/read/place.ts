/**
 * A mailbox by its id in one statement. Which number it has is remembered and only a hint: the row says whether it still is that mailbox of
 * that account, so nothing here can be stale.
 */
import { MailError } from '#mail/failure.ts';
import type { Access, MailboxId, ModSeq } from '../../types.ts';
import { MODSEQ } from '../account.ts';
import type { Database } from '../database.ts';
import { type FoundMailbox, findMailbox, foundMailbox } from './account.ts';

export interface Place {
  /** The account's number in the shard. */
  readonly account: number;
  readonly mailbox: FoundMailbox;
}

/** Mailboxes that are remembered for each connection. */
const REMEMBERED = 10_000;
const numbers = new WeakMap<Database, Map<MailboxId, number>>();

const FROM = 'FROM accounts a JOIN mailboxes b ON b.account = a.n WHERE a.id = ? AND b.n = ? AND b.id = ?';
const PLACE = `SELECT b.n, b.uid_validity, b.uid_next, b.highest_modseq, b.messages, b.tombstone_floor, a.n ${FROM}`;
const NEWS = `SELECT ${MODSEQ}, b.uid_validity, b.uid_next, b.highest_modseq, b.tombstone_floor ${FROM}`;
const ACCOUNT = 'SELECT n FROM accounts WHERE id = ?';

/** Throws `no-such-account`, `no-such-mailbox`, and `not-permitted` for another's. */
export function findPlace(db: Database, access: Access, id: MailboxId): Place {
  if (access.viewer === access.owner) {
    const row = db.arrays(PLACE).get(access.owner, numberHint(db, id), id) as unknown as number[] | undefined;
    if (row) return { account: row[6] as number, mailbox: foundMailbox(row) };
  }
  const account = accountNumber(db, access);
  const mailbox = findMailbox(db, { n: account }, id);
  remember(db, id, mailbox.n);
  return { account, mailbox };
}

/** Which number a mailbox had; one that none has when that is not remembered. */
export const numberHint = (db: Database, id: MailboxId): number => known(db).get(id) ?? 0;

export interface Unchanged {
  /** The account's. */
  readonly modseq: ModSeq;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly highestModseq: ModSeq;
}

/** Answers where nothing in the mailbox has changed since; `undefined` when something has, or that can't be told so quickly. */
export function unchangedSince(db: Database, access: Access, id: MailboxId, since: ModSeq): Unchanged | undefined {
  const n = known(db).get(id);
  if (n === undefined || access.viewer !== access.owner) return undefined;
  const row = db.arrays(NEWS).get(access.owner, n, id) as unknown as number[] | undefined;
  if (!row) return undefined;
  const [modseq, uidValidity, uidNext, highestModseq, tombstoneFloor] = row as [number, number, number, number, number];
  if (highestModseq > since || tombstoneFloor > since) return undefined;
  return { modseq, uidValidity, uidNext, highestModseq };
}

/** Throws as `findAccount`, without reading how far the account is. */
export function accountNumber(db: Database, access: Access): number {
  if (access.viewer !== access.owner) throw new MailError('not-permitted', 'another one’s account');
  const row = db.arrays(ACCOUNT).get(access.owner) as unknown as [number] | undefined;
  if (!row) throw new MailError('no-such-account', 'no such account');
  return row[0];
}

export function remember(db: Database, id: MailboxId, n: number): void {
  const map = known(db);
  if (map.size >= REMEMBERED) map.clear();
  map.set(id, n);
}

function known(db: Database): Map<MailboxId, number> {
  let map = numbers.get(db);
  if (!map) {
    map = new Map();
    numbers.set(db, map);
  }
  return map;
}
