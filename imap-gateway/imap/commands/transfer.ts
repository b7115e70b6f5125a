/** What COPY and MOVE share. */
import { EMPTY, union } from '#store/uid-set.ts';
import { type CommandContext, no, Refused } from '../command.ts';
import type { CopyArguments } from '../grammar/copy.ts';
import { commit, findMailbox } from '../mailboxes.ts';
import { copyUidCode } from '../response/codes.ts';
import { formatSet } from '../response/sets.ts';
import type { StateOf } from '../session.ts';
import { resolveMessages, uidsOf } from './message-set.ts';
import { REMOVALS_A_SLICE, slicesOf } from './slices.ts';

/**
 * Answers the response code: COPYUID, `EXPUNGEISSUED` when nothing of what the client knows exists any more, `undefined` when it named nothing.
 */
export async function transfer(
  type: 'copy' | 'move',
  args: CopyArguments & { readonly uid: boolean },
  context: CommandContext,
  state: StateOf<'selected'>,
): Promise<string | undefined> {
  const { selected } = state;
  const uids = uidsOf(resolveMessages(args.set, args.uid, selected), selected);
  const target = await findMailbox(context, state, args.mailbox);
  // RFC 9051 §6.4.7: the client may create it and try again.
  if (target === undefined) throw new Refused(no('No such mailbox', 'TRYCREATE'));
  if (uids.length === 0) return undefined;
  // RFC 9051 §6.4.7: a COPY is all or nothing. RFC 6851 §3.3: a MOVE is, for each message.
  const slices = type === 'copy' ? [uids] : slicesOf(uids, REMOVALS_A_SLICE);
  let [uidValidity, sources, targets] = [0, EMPTY, EMPTY];
  for (const slice of slices) {
    const { results } = await commit(context, state, [{ type, from: selected.id, uids: slice, to: target.id }]);
    const result = results[0];
    if (result?.type !== type) throw new Error('the store answered something else than was asked');
    uidValidity = result.uidValidity;
    // Both ascend from slice to slice, so that the nth source is still the nth target's.
    sources = union(sources, result.sources);
    targets = union(targets, result.targets);
  }
  if (sources.length === 0) return 'EXPUNGEISSUED';
  return copyUidCode(uidValidity, formatSet(sources), formatSet(targets));
}
