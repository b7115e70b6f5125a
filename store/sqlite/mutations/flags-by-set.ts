/**
 * The flags of many neighbouring placements at once: one statement for each flag set that occurs, instead of one for each run of equal
 * ones. Right because a change of flags made twice is the change made once: what one statement has made, no later one finds.
 */
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
const SET = `UPDATE placements SET flags = ?, modseq = ? WHERE ${WHERE} AND flags = ?`;
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
  const range = [account.n, mailbox.n, first, to] as const;
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
  for (const [before, after] of becomes) {
    const n = Number(db.statement(SET).run(after.n, modseq, ...range, before.n).changes);
    mailbox.unseen += n * (after.unseen - before.unseen);
    mailbox.deleted += n * (after.deleted - before.deleted);
  }
  return changed;
}

/** What a flag set becomes; itself when nothing changes. */
export function setAfter(work: Work, before: FlagSet, change: FlagChange, given: Flags): FlagSet {
  const after = changeFlags(before.flags, change, given);
  return sameFlags(after, before.flags) ? before : intern(work, after);
}

type Range = readonly [account: number, mailbox: number, first: Uid, last: Uid];

/** Where no gap lies between the first and the last, nobody has to count further. */
function allOf(work: Work, range: Range): UidSet {
  const [count, first, last] = work.db.arrays(EXTENT).get(...range) as unknown as [number, Uid, Uid];
  if (count === last - first + 1) return [[first, last]];
  return someOf(work, range, undefined);
}

function someOf(work: Work, range: Range, among: ReadonlyMap<FlagSet, FlagSet> | undefined): UidSet {
  const wanted = among && new Set(Array.from(among.keys(), ({ n }) => n));
  const rows = work.db.arrays(UIDS).all(...range) as unknown as [Uid, number][];
  return fromUids(rows.filter(([, flags]) => wanted?.has(flags) ?? true).map(([uid]) => uid));
}
