/** TOP (RFC 1939 §7): the header and so many lines of the body. */
import type { MessageRow } from '#store/store.ts';
import { defineCommand } from '../command.ts';
import { numberAndLines } from '../grammar/arguments.ts';
import { type Reply, WRITTEN } from '../response/reply.ts';
import { writeMessage } from './message.ts';

export const top = defineCommand({
  name: 'TOP',
  allowedIn: ['transaction'],
  capabilities: () => ['TOP'],
  parse: numberAndLines,
  run({ message, lines }, context, { maildrop }) {
    const write = (row: MessageRow): Reply | Promise<Reply> => {
      const waiting = writeMessage(context, maildrop, row, 'Top of the message follows', lines);
      return waiting === undefined ? WRITTEN : waiting.then(() => WRITTEN);
    };
    const row = maildrop.message(message, { header: lines === 0 });
    return row instanceof Promise ? row.then(write) : write(row);
  },
});
