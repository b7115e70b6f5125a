/** LOGOUT (RFC 9051 §6.1.3). */
import { defineCommand, ok } from '../command.ts';
import { leaveMailbox } from '../notify.ts';

export const logout = defineCommand({
  name: 'LOGOUT',
  allowedIn: ['not-authenticated', 'authenticated', 'selected'],
  updates: 'none',
  parse: (cursor) => cursor.end(),
  run: async (_args, context) => {
    leaveMailbox(context.session);
    context.session.state = { name: 'logout' };
    context.out.write('* BYE Until next time\r\n');
    return { ...ok('LOGOUT completed'), followedBy: 'close' };
  },
});
