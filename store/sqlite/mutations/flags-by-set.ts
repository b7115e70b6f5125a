/** The flags of many neighbouring placements by a line that says what each set of them becomes, instead of a statement for each run of equal ones. */
import { changeFlags, sameFlags } from '../../flags.ts';
import type { FlagChange } from '../../mutation.ts';
import type { Flags, Uid, UidSet } from '../../types.ts';
import { fromUids } from '../../uid-set.ts';
import type { FlagSet, Mailbox } from '../account.ts';
import { applyFlags, type Became, findLater, saveLater, settleFlags } from '../later-flags.ts';
import { intern, type Work } from '../work.ts';

/** A range that may hold more messages than this is changed set by set, if it has few sets. */
const LONG = 256;
const MOST_SETS = 16;
/** A change of more messages than this waits beside the rows (later-flags.ts). */
const LATER = 1_000;

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
  const { later, sets: since } = laterIn(work, mailbox, range);
  const { byNumber } = account.flagSets;
  const present = (db.arrays(SETS).all(...range) as unknown as [number][]).map(([n]): Present => {
    const now = since.get(n)?.flags ?? n;
    return { row: n, set: byNumber.get(now)! };
  });
  if (present.length > MOST_SETS) {
    settleFlags(db, account.n, mailbox.n, [[first, to]]);
    return undefined;
  }
  const becomes: Becomes[] = [];
  for (const one of present) {
    const after = setAfter(work, one.set, change, given);
    if (after !== one.set) becomes.push({ ...one, after });
  }
  if (becomes.length === 0) return [];
  const changed = becomes.length === present.length ? allOf(work, range) : someOf(work, range, becomes);
  countSets(work, mailbox, range, becomes);
  const sets = new Map(since);
  for (const { row, after } of becomes) sets.set(row, { flags: after.n, modseq });
  const keep = later ? saveLater : applyFlags;
  keep(db, account.n, mailbox.n, { first, last: to, sets });
  return changed;
}

interface Present {
  /** Number of the set that rows have. */
  readonly row: number;
  /** What it stands for by now. */
  readonly set: FlagSet;
}

interface Becomes extends Present {
  readonly after: FlagSet;
}

/** Whether this range's change may stand beside its rows, and what stands there already. */
function laterIn(work: Work, mailbox: Mailbox, [account, , first, to]: Range) {
  const { db } = work;
  const found = findLater(db, account, mailbox.n, [first, to]);
  const [only] = found;
  const later = to - first >= LATER;
  if (later && found.length === 1 && only!.first === first && only!.last === to) return { later, sets: only!.sets };
  // Ranges must not overlap.
  settleFlags(db, account, mailbox.n, [[first, to]]);
  return { later, sets: new Map<number, Became>() };
}

/** What a flag set becomes; itself when nothing changes. */
export function setAfter(work: Work, before: FlagSet, change: FlagChange, given: Flags): FlagSet {
  const after = changeFlags(before.flags, change, given);
  return sameFlags(after, before.flags) ? before : intern(work, after);
}

/** Moves the mailbox's counters, where what is counted changes. */
function countSets(work: Work, mailbox: Mailbox, range: Range, becomes: readonly Becomes[]): void {
  const counted = becomes.filter(({ set, after }) => set.unseen !== after.unseen || set.deleted !== after.deleted);
  if (counted.length === 0) return;
  const sums = counted.map(() => 'sum(flags = ?)').join();
  const numbers = work.db
    .arrays(`SELECT ${sums} FROM placements WHERE ${WHERE}`)
    .get(...counted.map(({ row }) => row), ...range) as unknown as number[];
  for (const [i, { set, after }] of counted.entries()) {
    mailbox.unseen += numbers[i]! * (after.unseen - set.unseen);
    mailbox.deleted += numbers[i]! * (after.deleted - set.deleted);
  }
}

type Range = readonly [account: number, mailbox: number, first: Uid, last: Uid];

/** Where no gap lies between the first and the last, nobody has to count further. */
function allOf(work: Work, range: Range): UidSet {
  const [count, first, last] = work.db.arrays(EXTENT).get(...range) as unknown as [number, Uid, Uid];
  if (count === last - first + 1) return [[first, last]];
  return someOf(work, range, undefined);
}

function someOf(work: Work, range: Range, among: readonly Present[] | undefined): UidSet {
  const wanted = among && new Set(among.map(({ row }) => row));
  const rows = work.db.arrays(UIDS).all(...range) as unknown as [Uid, number][];
  return fromUids(rows.filter(([, flags]) => wanted?.has(flags) ?? true).map(([uid]) => uid));
}
