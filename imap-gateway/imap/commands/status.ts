/** STATUS (RFC 9051 §6.3.11; SIZE: RFC 8438; HIGHESTMODSEQ: RFC 7162 §3.1.7; MAILBOXID: RFC 8474 §4.3): from counters, no message is read. */
import type { Mailbox } from '#store/types.ts';
import { type CommandContext, defineCommand, ok } from '../command.ts';
import type { Cursor } from '../grammar/cursor.ts';
import { parseMailbox } from '../grammar/mailbox.ts';
import { parseStatusItems, type StatusItem } from '../grammar/status.ts';
import { type LoggedIn, requireMailbox } from '../mailboxes.ts';
import { enableCondstore } from '../notify.ts';
import { formatStatus, type StatusValues } from '../response/mailbox.ts';
import { usesUtf8 } from '../session.ts';

export const status = defineCommand({
  name: 'STATUS',
  allowedIn: ['authenticated', 'selected'],
  capabilities: ['STATUS=SIZE'],
  parse: parseStatus,
  run: async ({ name, items }, context, state) => {
    const mailbox = await requireMailbox(context, state, name);
    const values = await statusValues(context, state, mailbox, items);
    if (items.includes('HIGHESTMODSEQ')) enableCondstore(context);
    context.out.write(formatStatus(mailbox.name, values, usesUtf8(context.session)));
    return ok('STATUS completed');
  },
});

export async function statusValues(
  context: CommandContext,
  state: LoggedIn,
  mailbox: Mailbox,
  items: readonly StatusItem[],
): Promise<StatusValues> {
  const values: [StatusItem, number | string][] = [];
  for (const item of items) values.push([item, await statusValue(context, state, mailbox, item)]);
  return values;
}

async function statusValue(
  context: CommandContext,
  state: LoggedIn,
  mailbox: Mailbox,
  item: StatusItem,
): Promise<number | string> {
  switch (item) {
    case 'MESSAGES':
      return mailbox.messages;
    // RFC 9051 appendix E: no message is ever \Recent any more.
    case 'RECENT':
      return 0;
    case 'UIDNEXT':
      return mailbox.uidNext;
    case 'UIDVALIDITY':
      return mailbox.uidValidity;
    case 'UNSEEN':
      return mailbox.unseen;
    case 'DELETED':
      return mailbox.deleted;
    case 'SIZE':
      return mailbox.size;
    case 'HIGHESTMODSEQ':
      return mailbox.highestModseq;
    case 'APPENDLIMIT':
      return context.services.limits.messageSize;
    case 'MAILBOXID':
      return mailbox.id;
    case 'DELETED-STORAGE':
      return mailbox.deleted === 0 ? 0 : deletedOctets(context, state, mailbox);
    default:
      return item satisfies never;
  }
}

/** RFC 9208 §4.1.4: octets that an EXPUNGE would free. Rarely asked, so it is counted and not kept. */
async function deletedOctets(context: CommandContext, state: LoggedIn, mailbox: Mailbox): Promise<number> {
  const { store } = context.services;
  const uids = await store.search(state.access, mailbox.id, { key: 'flag', flag: '\\Deleted' });
  let octets = 0;
  for await (const rows of store.messages(state.access, mailbox.id, uids, {})) {
    for (const row of rows) octets += row.size;
  }
  return octets;
}

function parseStatus(cursor: Cursor): { readonly name: string; readonly items: readonly StatusItem[] } {
  cursor.sp();
  const name = parseMailbox(cursor);
  cursor.sp();
  const items = parseStatusItems(cursor);
  cursor.end();
  return { name, items };
}
