/** UNSELECT (RFC 9051 §6.4.2): leaves the mailbox and expunges nothing. */
import { defineCommand, ok } from '../command.ts';
import { leaveMailbox } from '../notify.ts';

export const unselect = defineCommand({
  name: 'UNSELECT',
  allowedIn: ['selected'],
  capabilities: ['UNSELECT'],
  updates: 'none',
  parse: (cursor) => cursor.end(),
  run: async (_args, context) => {
    leaveMailbox(context.session);
    return ok('UNSELECT completed');
  },
});
