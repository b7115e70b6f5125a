/** RETR (RFC 1939 §5). */
import type { MessageRow } from '#store/store.ts';
import { defineCommand } from '../command.ts';
import { messageNumber } from '../grammar/arguments.ts';
import { type Reply, WRITTEN } from '../response/reply.ts';
import { writeMessage } from './message.ts';

export const retr = defineCommand({
  name: 'RETR',
  allowedIn: ['transaction'],
  parse: messageNumber,
  run(number, context, { maildrop }) {
    const write = (row: MessageRow): Reply | Promise<Reply> => {
      const waiting = writeMessage(context, maildrop, row, `${maildrop.octetsOf(row)} octets`);
      if (waiting !== undefined) return waiting.then(retrieved);
      return retrieved();
    };
    const retrieved = (): Reply => {
      maildrop.markRetrieved(number);
      return WRITTEN;
    };
    const row = maildrop.message(number, { header: false });
    return row instanceof Promise ? row.then(write) : write(row);
  },
});
