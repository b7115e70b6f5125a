/** RETR (RFC 1939 §5). */
import { defineCommand } from '../command.ts';
import { messageNumber } from '../grammar/arguments.ts';
import { WRITTEN } from '../response/reply.ts';
import { writeMessage } from './message.ts';

export const retr = defineCommand({
  name: 'RETR',
  allowedIn: ['transaction'],
  parse: messageNumber,
  run: async (number, context, { maildrop }) => {
    const row = await maildrop.message(number, { header: false });
    await writeMessage(context, maildrop, row, `${row.size} octets`);
    maildrop.markRetrieved(number);
    return WRITTEN;
  },
});
