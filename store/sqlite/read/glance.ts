/** What SELECT tells of a large mailbox before anybody has read it: a few rows, on the thread that asks. */
import type { MailboxGlance } from '../../change.ts';
import { hasFlag, keywordsOf } from '../../flags.ts';
import type { Access, Flags, MailboxId } from '../../types.ts';
import { MODSEQ } from '../account.ts';
import type { Database } from '../database.ts';
import { findPlace, numberHint } from './place.ts';
import { firstRows } from './placements.ts';

/** Messages among which the first unseen one is looked for. */
const LOOK = 100;

/** Number of the account and the mailbox (a hint: place.ts), and its id. */
const NOW = `SELECT a.n, b.n, b.uid_validity, b.uid_next, b.highest_modseq, b.messages, ${MODSEQ}, b.unseen
  FROM accounts a JOIN mailboxes b ON b.account = a.n WHERE a.id = ? AND b.n = ? AND b.id = ?`;
const FLAG_SETS = 'SELECT n, flags FROM flag_sets WHERE account = ?';

export function glance(db: Database, access: Access, id: MailboxId): MailboxGlance {
  const hint = numberHint(db, id);
  const [account, n, uidValidity, uidNext, highestModseq, messages, modseq, unseen] =
    now(db, access, hint, id) ?? now(db, access, findPlace(db, access, id).mailbox.n, id)!;
  // Sets are never forgotten, so that these are all that a snapshot could have, and those of other mailboxes.
  const rows = db.arrays(FLAG_SETS).all(account) as unknown as [number, string][];
  const sets = new Map(rows.map(([number, flags]) => [number, flags === '' ? [] : flags.split(' ')]));
  const glanced = { uidValidity, uidNext, highestModseq, modseq, messages, keywords: keywordsOf(sets.values()) };
  const first = unseen > 0 ? firstUnseen(db, account, n, sets) : undefined;
  return first === undefined ? glanced : { ...glanced, firstUnseen: first };
}

type Now = [
  account: number,
  n: number,
  uidValidity: number,
  uidNext: number,
  highestModseq: number,
  messages: number,
  modseq: number,
  unseen: number,
];

function now(db: Database, { owner, viewer }: Access, n: number, id: MailboxId): Now | undefined {
  return owner === viewer ? (db.arrays(NOW).get(owner, n, id) as unknown as Now | undefined) : undefined;
}

function firstUnseen(
  db: Database,
  account: number,
  mailbox: number,
  sets: ReadonlyMap<number, Flags>,
): number | undefined {
  let number = 0;
  for (const [, , set] of firstRows(db, account, mailbox, LOOK)) {
    number++;
    if (!hasFlag(sets.get(set) ?? [], '\\Seen')) return number;
  }
  return undefined;
}
