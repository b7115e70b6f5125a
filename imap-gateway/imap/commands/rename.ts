/**
 * RENAME (RFC 9051 §6.3.6): of a hierarchy, with the parents that the new name lacks; of a parent that only its children make; and of INBOX,
 * which moves its messages and leaves INBOX and its children where they are.
 */
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import { isBelow } from '#store/names.ts';
import type { Mailbox } from '#store/types.ts';
import { ALL } from '#store/uid-set.ts';
import { type CommandContext, defineCommand, no, ok, Refused } from '../command.ts';
import type { Cursor } from '../grammar/cursor.ts';
import { parseMailbox } from '../grammar/mailbox.ts';
import { commit, missingParents, newMailboxName } from '../mailboxes.ts';

export const rename = defineCommand({
  name: 'RENAME',
  allowedIn: ['authenticated', 'selected'],
  parse: parseRename,
  run: async ({ from, to: given }, context, state) => {
    const to = newMailboxName(given);
    const { mailboxes } = await context.services.store.mailboxes(state.access);
    if (mailboxes.some((mailbox) => mailbox.name === to)) return no('Mailbox exists already', 'ALREADYEXISTS');
    if (from !== 'INBOX' && isBelow(to, from)) return no('A mailbox can not move below itself', 'CANNOT');
    const moves = from === 'INBOX' ? moveInbox(context, mailboxes, to) : moveTree(mailboxes, from, to);
    await commit(context, state, [...missingParents(context, mailboxes, to), ...moves]);
    return ok('RENAME completed');
  },
});

function moveInbox(context: CommandContext, mailboxes: readonly Mailbox[], to: string): Mutation[] {
  const inbox = mailboxes.find((mailbox) => mailbox.name === 'INBOX');
  if (inbox === undefined) throw new Refused(no('No such mailbox', 'NONEXISTENT'));
  const id = newId('mailbox', context.services.random);
  return [
    { type: 'create-mailbox', id, name: to },
    { type: 'move', from: inbox.id, uids: ALL, to: id },
  ];
}

function moveTree(mailboxes: readonly Mailbox[], from: string, to: string): Mutation[] {
  const mailbox = mailboxes.find((other) => other.name === from);
  if (mailbox !== undefined) return [{ type: 'rename-mailbox', mailbox: mailbox.id, name: to, children: true }];
  const below = mailboxes.filter((other) => isBelow(other.name, from));
  if (below.length === 0) throw new Refused(no('No such mailbox', 'NONEXISTENT'));
  return below.map((child) => ({
    type: 'rename-mailbox',
    mailbox: child.id,
    name: to + child.name.slice(from.length),
    children: false,
  }));
}

function parseRename(cursor: Cursor): { readonly from: string; readonly to: string } {
  cursor.sp();
  const from = parseMailbox(cursor);
  cursor.sp();
  const to = parseMailbox(cursor);
  cursor.end();
  return { from, to };
}
