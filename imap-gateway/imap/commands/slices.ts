/** Huge work in slices, each a commit of its own, so that nobody's delivery waits behind all of it (STORE.md §2). */

import type { UidSet } from '#store/types.ts';
import { intersect, MAX_UID } from '#store/uid-set.ts';
import { BIT, type MailboxView } from '#store/view.ts';
import type { CommandContext } from '../command.ts';
import { commit } from '../mailboxes.ts';
import type { StateOf } from '../session.ts';

/** Messages whose flags one commit changes: a microsecond each, or less. */
export const FLAGS_A_SLICE = 25_000;
/** Messages that one commit takes out of a mailbox: some ten microseconds each. */
export const REMOVALS_A_SLICE = 2_000;

/** Parts of so many UIDs each. */
export function slicesOf(uids: UidSet, most: number): UidSet[] {
  const slices: UidSet[] = [];
  let slice: [number, number][] = [];
  let room = most;
  for (const [first, last] of uids) {
    for (let from = first; from <= last; ) {
      const to = Math.min(last, from + room - 1);
      slice.push([from, to]);
      room -= to - from + 1;
      from = to + 1;
      if (room > 0) continue;
      slices.push(slice);
      [slice, room] = [[], most];
    }
  }
  return slice.length > 0 ? [...slices, slice] : slices;
}

/** All UIDs that there can be, in parts that hold so many messages marked \Deleted, as far as the view knows. */
export function slicesOfDeleted(view: MailboxView, most: number): UidSet[] {
  const slices: UidSet[] = [];
  let from = 1;
  let deleted = 0;
  for (let i = 0; i < view.length; i++) {
    if ((view.bitsAt(i) & BIT.deleted) === 0 || ++deleted % most !== 0) continue;
    slices.push([[from, view.uidAt(i)]]);
    from = view.uidAt(i) + 1;
  }
  return [...slices, [[from, MAX_UID]]];
}

/** Removes the messages marked \Deleted among `uids`, or all that are marked. */
export async function expungeDeleted(
  context: CommandContext,
  state: StateOf<'selected'>,
  uids?: UidSet,
): Promise<void> {
  const { id, view } = state.selected;
  for (const slice of slicesOfDeleted(view.columns, REMOVALS_A_SLICE)) {
    const wanted = uids === undefined ? slice : intersect(uids, slice);
    if (wanted.length > 0) {
      await commit(context, state, [{ type: 'expunge', mailbox: id, uids: wanted, onlyDeleted: true }]);
    }
  }
}
