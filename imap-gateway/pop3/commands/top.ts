/** TOP (RFC 1939 §7): the header and so many lines of the body. */
import { defineCommand } from '../command.ts';
import { numberAndLines } from '../grammar/arguments.ts';
import { WRITTEN } from '../response/reply.ts';
import { writeMessage } from './message.ts';

export const top = defineCommand({
  name: 'TOP',
  allowedIn: ['transaction'],
  capabilities: () => ['TOP'],
  parse: numberAndLines,
  run: async ({ message, lines }, context, { maildrop }) => {
    const row = await maildrop.message(message, { header: lines === 0 });
    await writeMessage(context, maildrop, row, 'Top of the message follows', lines);
    return WRITTEN;
  },
});
