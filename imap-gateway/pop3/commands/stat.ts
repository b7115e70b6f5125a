/** STAT (RFC 1939 §5): what the mailbox's row says, less what was marked. */
import { defineCommand } from '../command.ts';
import { none } from '../grammar/arguments.ts';
import { ok } from '../response/reply.ts';

export const stat = defineCommand({
  name: 'STAT',
  allowedIn: ['transaction'],
  parse: none,
  run: async (_args, _context, { maildrop }) => ok(`${maildrop.messages} ${maildrop.octets}`),
});
