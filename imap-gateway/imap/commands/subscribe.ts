/** SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.7, §6.3.8). A subscription outlives its mailbox, and may come before it. */
import { type Command, defineCommand, ok } from '../command.ts';
import type { Cursor } from '../grammar/cursor.ts';
import { parseMailbox } from '../grammar/mailbox.ts';
import { commit, newMailboxName } from '../mailboxes.ts';

export const subscribe = subscription('SUBSCRIBE', true);
export const unsubscribe = subscription('UNSUBSCRIBE', false);

function subscription(name: 'SUBSCRIBE' | 'UNSUBSCRIBE', subscribed: boolean): Command {
  return defineCommand({
    name,
    allowedIn: ['authenticated', 'selected'],
    parse: parseOneMailbox,
    run: async (mailbox, context, state) => {
      await commit(context, state, [{ type: 'subscribe', name: newMailboxName(mailbox), subscribed }]);
      return ok(`${name} completed`);
    },
  });
}

/** The arguments of commands that take a mailbox and nothing else. */
export function parseOneMailbox(cursor: Cursor): string {
  cursor.sp();
  const name = parseMailbox(cursor);
  cursor.end();
  return name;
}
