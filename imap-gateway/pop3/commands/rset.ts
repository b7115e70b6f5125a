/** RSET (RFC 1939 §5). */
import { defineCommand } from '../command.ts';
import { none } from '../grammar/arguments.ts';
import { ok } from '../response/reply.ts';

export const rset = defineCommand({
  name: 'RSET',
  allowedIn: ['transaction'],
  parse: none,
  run: async (_args, _context, { maildrop }) => {
    maildrop.reset();
    return ok(`${maildrop.messages} messages (${maildrop.octets} octets)`);
  },
});
