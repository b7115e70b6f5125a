/** UIDL (RFC 1939 §7). */
import { defineCommand } from '../command.ts';
import { optionalMessageNumber } from '../grammar/arguments.ts';
import { ok } from '../response/reply.ts';
import { writeListing } from './listing.ts';

export const uidl = defineCommand({
  name: 'UIDL',
  allowedIn: ['transaction'],
  capabilities: () => ['UIDL'],
  parse: optionalMessageNumber,
  run: async (number, context, { maildrop }) => {
    if (number !== undefined) return ok(`${number} ${await maildrop.uniqueId(number)}`);
    return await writeListing(context, 'Unique ids follow', await maildrop.uniqueIds());
  },
});
