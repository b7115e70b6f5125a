/** What SELECT tells of a large mailbox before anybody has read it: a few rows, on the thread that asks. */
import type { MailboxGlance } from '../../change.ts';
import { hasFlag, keywordsOf } from '../../flags.ts';
import type { Access, Flags, MailboxId } from '../../types.ts';
import { MODSEQ } from '../account.ts';
import type { Database } from '../database.ts';
import { findPlace } from './place.ts';
import { firstRows } from './placements.ts';

/** Messages among which the first unseen one is looked for. */
const LOOK = 100;

const NOW = `SELECT ${MODSEQ}, b.unseen FROM accounts a JOIN mailboxes b ON b.account = a.n WHERE a.n = ? AND b.n = ?`;
const FLAG_SETS = 'SELECT n, flags FROM flag_sets WHERE account = ?';

export function glance(db: Database, access: Access, id: MailboxId): MailboxGlance {
  const { account, mailbox } = findPlace(db, access, id);
  const { n, uidValidity, uidNext, highestModseq, messages } = mailbox;
  const [modseq, unseen] = db.arrays(NOW).get(account, n) as unknown as [number, number];
  // Sets are never forgotten, so that these are all that a snapshot could have, and those of other mailboxes.
  const rows = db.arrays(FLAG_SETS).all(account) as unknown as [number, string][];
  const sets = new Map(rows.map(([number, flags]) => [number, flags === '' ? [] : flags.split(' ')]));
  const glanced = { uidValidity, uidNext, highestModseq, modseq, messages, keywords: keywordsOf(sets.values()) };
  const first = unseen > 0 ? firstUnseen(db, account, n, sets) : undefined;
  return first === undefined ? glanced : { ...glanced, firstUnseen: first };
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
