/** LIST (RFC 1939 §5). */
import { defineCommand } from '../command.ts';
import { optionalMessageNumber } from '../grammar/arguments.ts';
import { ok } from '../response/reply.ts';
import { writeListing } from './listing.ts';

export const list = defineCommand({
  name: 'LIST',
  allowedIn: ['transaction'],
  parse: optionalMessageNumber,
  run: async (number, context, { maildrop }) => {
    if (number !== undefined) return ok(`${number} ${await maildrop.size(number)}`);
    const lines = await maildrop.list();
    return await writeListing(context, `${maildrop.messages} messages (${maildrop.octets} octets) follow`, lines);
  },
});
