/** DELETE (RFC 9051 §6.3.5). Children stay, and their parent is listed as \NonExistent then; subscriptions stay too. */
import { isBelow } from '#store/names.ts';
import { defineCommand, no, ok } from '../command.ts';
import { commit } from '../mailboxes.ts';
import { leaveMailbox } from '../notify.ts';
import { parseOneMailbox } from './subscribe.ts';

export const deleteMailbox = defineCommand({
  name: 'DELETE',
  allowedIn: ['authenticated', 'selected'],
  parse: parseOneMailbox,
  run: async (name, context, state) => {
    if (name === 'INBOX') return no('INBOX can not be deleted', 'CANNOT');
    const { mailboxes } = await context.services.store.mailboxes(state.access);
    const mailbox = mailboxes.find((other) => other.name === name);
    if (mailbox === undefined) {
      // §6.3.5: a name that is only there because of its children can't be deleted.
      const parent = mailboxes.some((other) => isBelow(other.name, name));
      return parent ? no('It has children', 'HASCHILDREN') : no('No such mailbox', 'NONEXISTENT');
    }
    if (state.name === 'selected' && state.selected.id === mailbox.id) {
      leaveMailbox(context.session);
      context.out.write('* OK [CLOSED] The selected mailbox is being deleted\r\n');
    }
    await commit(context, state, [{ type: 'delete-mailbox', mailbox: mailbox.id }]);
    return ok('DELETE completed');
  },
});
