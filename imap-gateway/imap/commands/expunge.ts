/** EXPUNGE and UID EXPUNGE (RFC 9051 §6.4.3, RFC 4315 §2.1). The EXPUNGE responses are the driver's report. */
import { type CommandContext, type Completion, defineCommand, no, ok } from '../command.ts';
import { parseSequenceSet, type SequenceSet } from '../grammar/sequence-set.ts';
import type { StateOf } from '../session.ts';
import { resolveMessages, uidsOf } from './message-set.ts';
import { expungeDeleted } from './slices.ts';

/** UID EXPUNGE has a set; EXPUNGE takes all with \Deleted, also those that this client hasn't heard of. */
interface Arguments {
  readonly set?: SequenceSet;
}

export const expunge = defineCommand({
  name: 'EXPUNGE',
  uid: true,
  allowedIn: ['selected'],
  parse: (cursor, { uid }): Arguments => {
    if (!uid) {
      cursor.end();
      return {};
    }
    cursor.sp();
    const set = parseSequenceSet(cursor);
    cursor.end();
    return { set };
  },
  run: runExpunge,
});

async function runExpunge(args: Arguments, context: CommandContext, state: StateOf<'selected'>): Promise<Completion> {
  const { selected } = state;
  if (selected.readOnly) return no('The mailbox is open for reading only', 'READ-ONLY');
  const uids = args.set && uidsOf(resolveMessages(args.set, true, selected), selected);
  if (uids?.length === 0) return ok('EXPUNGE completed');
  await expungeDeleted(context, state, uids);
  return ok('EXPUNGE completed');
}
