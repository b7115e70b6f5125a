/** CLOSE (RFC 9051 §6.4.1): expunges without a word, unless the mailbox was opened by EXAMINE, and leaves it. */
import { defineCommand, ok } from '../command.ts';
import { leaveMailbox } from '../notify.ts';
import { expungeDeleted } from './slices.ts';

export const close = defineCommand({
  name: 'CLOSE',
  allowedIn: ['selected'],
  updates: 'none',
  parse: (cursor) => cursor.end(),
  run: async (_args, context, state) => {
    const { selected } = state;
    if (!selected.readOnly && !selected.view.removed) {
      await expungeDeleted(context, state);
    }
    leaveMailbox(context.session);
    return ok('CLOSE completed');
  },
});
