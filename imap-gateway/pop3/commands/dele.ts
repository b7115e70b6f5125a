/** DELE (RFC 1939 §5): a mark, which QUIT alone makes real. */
import { defineCommand } from '../command.ts';
import { messageNumber } from '../grammar/arguments.ts';
import { ok } from '../response/reply.ts';

export const dele = defineCommand({
  name: 'DELE',
  allowedIn: ['transaction'],
  parse: messageNumber,
  run: async (number, _context, { maildrop }) => {
    await maildrop.delete(number);
    return ok(`Message ${number} marked`);
  },
});
