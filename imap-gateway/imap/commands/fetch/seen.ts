/** RFC 9051 §6.4.5: what is read without PEEK is seen. One commit a batch; the change is reported like any other when the command ends. */
import { hasFlag } from '#store/flags.ts';
import type { Uid } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';
import type { CommandContext } from '../../command.ts';
import { commit } from '../../mailboxes.ts';
import type { StateOf } from '../../session.ts';

const SEEN = ['\\Seen'];

export async function markSeen(
  uids: readonly Uid[],
  context: CommandContext,
  state: StateOf<'selected'>,
): Promise<void> {
  const { selected } = state;
  const unseen = uids.filter((uid) => {
    const placement = selected.view.placement(uid);
    return placement !== undefined && !hasFlag(placement.flags, '\\Seen');
  });
  if (unseen.length === 0) return;
  // The client has its data by now; that it counts as unread once more is no reason to refuse the command.
  try {
    await commit(context, state, [
      { type: 'set-flags', mailbox: selected.id, uids: fromUids(unseen), change: 'add', flags: SEEN },
    ]);
  } catch (error) {
    context.log.warn({ err: error }, 'messages could not be marked as seen');
  }
}
