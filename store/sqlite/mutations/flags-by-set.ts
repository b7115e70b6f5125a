/** The flags of many neighbouring placements in one statement that says what each set becomes, instead of one for each run of equal ones. */
import { changeFlags, sameFlags } from '../../flags.ts';
import type { FlagChange } from '../../mutation.ts';
import type { Flags, Uid, UidSet } from '../../types.ts';
import { fromUids } from '../../uid-set.ts';
import type { FlagSet, Mailbox } from '../account.ts';
import { intern, type Work } from '../work.ts';

/** A range that may hold more messages than this is changed set by set, if it has few sets. */
const LONG = 256;
const MOST_SETS = 16;

const WHERE = 'account = ? AND mailbox = ? AND uid BETWEEN ? AND ?';
const SETS = `SELECT DISTINCT flags FROM placements WHERE ${WHERE}`;
const EXTENT = `SELECT count(*), min(uid), max(uid) FROM placements WHERE ${WHERE}`;
const UIDS = `SELECT uid, flags FROM placements WHERE ${WHERE} ORDER BY uid`;

/** Answers the UIDs that were changed, or `undefined` when the range is better changed one by one. */
export function setFlagsBySet(
  work: Work,
  mailbox: Mailbox,
  [first, last]: readonly [Uid, Uid],
  change: FlagChange,
  given: Flags,
): UidSet | undefined {
  const { db, account, modseq } = work;
  const to = Math.min(last, mailbox.uidNext - 1);
  if (to - first < LONG || mailbox.messages < LONG) return undefined;
  const range: Range = [account.n, mailbox.n, first, to];
  const present = (db.arrays(SETS).all(...range) as unknown as [number][]).map(
    ([n]) => account.flagSets.byNumber.get(n)!,
  );
  if (present.length > MOST_SETS) return undefined;
  const becomes = new Map<FlagSet, FlagSet>();
  for (const before of present) {
    const after = setAfter(work, before, change, given);
    if (after !== before) becomes.set(before, after);
  }
  if (becomes.size === 0) return [];
  const changed = becomes.size === present.length ? allOf(work, range) : someOf(work, range, becomes);
  countSets(work, mailbox, range, becomes);
  const cases = '?'.repeat(becomes.size).replaceAll('?', 'WHEN ? THEN ? ');
  const others = becomes.size === present.length ? '' : `AND flags IN (${Array(becomes.size).fill('?').join()})`;
  const wanted = others === '' ? [] : numbersOf(becomes.keys());
  db.statement(`UPDATE placements SET flags = CASE flags ${cases}END, modseq = ? WHERE ${WHERE} ${others}`).run(
    ...[...becomes].flatMap(([before, after]) => [before.n, after.n]),
    modseq,
    ...range,
    ...wanted,
  );
  return changed;
}

/** What a flag set becomes; itself when nothing changes. */
export function setAfter(work: Work, before: FlagSet, change: FlagChange, given: Flags): FlagSet {
  const after = changeFlags(before.flags, change, given);
  return sameFlags(after, before.flags) ? before : intern(work, after);
}

/** Moves the mailbox's counters, where what is counted changes. */
function countSets(work: Work, mailbox: Mailbox, range: Range, becomes: ReadonlyMap<FlagSet, FlagSet>): void {
  const counted = [...becomes].filter(
    ([before, after]) => before.unseen !== after.unseen || before.deleted !== after.deleted,
  );
  if (counted.length === 0) return;
  const sums = counted.map(() => 'sum(flags = ?)').join();
  const numbers = work.db
    .arrays(`SELECT ${sums} FROM placements WHERE ${WHERE}`)
    .get(...counted.map(([before]) => before.n), ...range) as unknown as number[];
  for (const [i, [before, after]] of counted.entries()) {
    mailbox.unseen += numbers[i]! * (after.unseen - before.unseen);
    mailbox.deleted += numbers[i]! * (after.deleted - before.deleted);
  }
}

const numbersOf = (sets: Iterable<FlagSet>): number[] => Array.from(sets, ({ n }) => n);

type Range = readonly [account: number, mailbox: number, first: Uid, last: Uid];

/** Where no gap lies between the first and the last, nobody has to count further. */
function allOf(work: Work, range: Range): UidSet {
  const [count, first, last] = work.db.arrays(EXTENT).get(...range) as unknown as [number, Uid, Uid];
  if (count === last - first + 1) return [[first, last]];
  return someOf(work, range, undefined);
}

function someOf(work: Work, range: Range, among: ReadonlyMap<FlagSet, FlagSet> | undefined): UidSet {
  const wanted = among && new Set(numbersOf(among.keys()));
  const rows = work.db.arrays(UIDS).all(...range) as unknown as [Uid, number][];
  return fromUids(rows.filter(([, flags]) => wanted?.has(flags) ?? true).map(([uid]) => uid));
}
