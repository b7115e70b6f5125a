/** `require-unchanged`, and `set-flags`: what a flag set becomes is worked out once for each set that occurs; rows are changed by ranges. */
import { MailError } from '#mail/failure.ts';
import type { MutationResult } from '../../mutation.ts';
import type { Uid } from '../../types.ts';
import { count, fromUids, uidSet, union } from '../../uid-set.ts';
import type { FlagSet, Mailbox } from '../account.ts';
import { checkFlags, mailboxOf, normalise, type PackedOf, placementsIn, touch, type Work } from '../work.ts';
import { setAfter, setFlagsBySet } from './flags-by-set.ts';

const SET = `UPDATE placements SET flags = ?, modseq = ?
  WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?`;

export function setFlags(work: Work, mutation: PackedOf<'set-flags'>): MutationResult {
  const mailbox = mailboxOf(work, mutation.mailbox);
  checkFlags(mutation.flags);
  const given = normalise(work, mutation.flags);
  const limit = mutation.unchangedSince ?? Number.POSITIVE_INFINITY;
  const { byNumber } = work.account.flagSets;
  const becomes = new Map<number, FlagSet>();
  const changed: Uid[] = [];
  const changedRanges: (readonly [Uid, Uid])[] = [];
  const modified: Uid[] = [];
  const run = new Run(work, mailbox);
  for (const range of mutation.uids) {
    const bySet = limit === Number.POSITIVE_INFINITY && setFlagsBySet(work, mailbox, range, mutation.change, given);
    if (bySet) {
      changedRanges.push(...bySet);
      continue;
    }
    for (const [uid, , modseq, flags] of placementsIn(work, mailbox, [range])) {
      if (modseq > limit) {
        modified.push(uid);
        run.end();
        continue;
      }
      const before = byNumber.get(flags)!;
      let next = becomes.get(flags);
      if (!next) {
        next = setAfter(work, before, mutation.change, given);
        becomes.set(flags, next);
      }
      if (next === before) {
        run.end();
        continue;
      }
      changed.push(uid);
      mailbox.unseen += next.unseen - before.unseen;
      mailbox.deleted += next.deleted - before.deleted;
      run.add(uid, next);
    }
    run.end(); // between ranges lie placements that were not asked for
  }
  const uids = union(fromUids(changed), uidSet(changedRanges));
  if (uids.length > 0) {
    touch(work, mailbox);
    work.records.push({ type: 'flags', mailbox: mailbox.id, uids });
  }
  return { type: 'set-flags', changed: uids, modified: fromUids(modified), flags: given };
}

export function requireUnchanged(work: Work, { mailbox, uids, since }: PackedOf<'require-unchanged'>): MutationResult {
  const found = placementsIn(work, mailboxOf(work, mailbox), uids);
  if (found.length !== count(uids) || found.some(([, , modseq]) => modseq > since)) {
    throw new MailError('conflict', 'a message has changed since');
  }
  return { type: 'require-unchanged' };
}

/** Placements that follow one another and get the same flags: no other placement lies between the first and the last. */
class Run {
  readonly #work: Work;
  readonly #mailbox: Mailbox;
  #set: FlagSet | undefined;
  #first = 0;
  #last = 0;

  constructor(work: Work, mailbox: Mailbox) {
    this.#work = work;
    this.#mailbox = mailbox;
  }

  add(uid: Uid, set: FlagSet): void {
    if (this.#set !== set) {
      this.end();
      this.#set = set;
      this.#first = uid;
    }
    this.#last = uid;
  }

  end(): void {
    if (!this.#set) return;
    const { db, account, modseq } = this.#work;
    db.statement(SET).run(this.#set.n, modseq, account.n, this.#mailbox.n, this.#first, this.#last);
    this.#set = undefined;
  }
}
