/** LSUB (RFC 3501 §6.3.9; gone in RFC 9051, and still what many clients send). */
import { defineCommand, ok } from '../command.ts';
import { parseLsub } from '../grammar/mailbox-list.ts';
import { compilePattern } from '../list-pattern.ts';
import { mailboxTree } from '../mailbox-tree.ts';
import { formatList } from '../response/mailbox.ts';
import { usesUtf8 } from '../session.ts';

export const lsub = defineCommand({
  name: 'LSUB',
  allowedIn: ['authenticated', 'selected'],
  parse: parseLsub,
  run: async ({ reference, patterns }, context, state) => {
    const pattern = reference + patterns[0];
    const matches = compilePattern(pattern);
    const utf8 = usesUtf8(context.session);
    for (const entry of mailboxTree(await context.services.store.mailboxes(state.access))) {
      if (!matches(entry.name)) continue;
      // A `%` that hides a subscribed name shows its parent, which itself is not subscribed: that is what \Noselect means here.
      const standsForChild = !entry.subscribed && entry.hasSubscribedBelow && pattern.endsWith('%');
      if (!entry.subscribed && !standsForChild) continue;
      const attributes = standsForChild ? ['\\Noselect'] : [];
      context.out.write(formatList('LSUB', { attributes, name: entry.name }, utf8));
      if (context.out.full) await context.out.ready();
    }
    return ok('LSUB completed');
  },
});
