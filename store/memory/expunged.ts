/** What is nowhere any more and still retained. */
import type { ExpungedMessage, ExpungedPage, ExpungedQuery } from '../store.ts';
import { lastRetained, presentMessages, type Retained } from './mutations/restore.ts';
import { messageRow } from './read.ts';
import type { Account, State } from './state.ts';

export function expunged(state: State, account: Account, query: ExpungedQuery): ExpungedPage {
  const { before, since = 0, limit } = query;
  const present = presentMessages(account);
  const all = [...lastRetained(account).values()].filter(
    ({ placement, at }) => at >= since && !present.has(placement.message.id),
  );
  const start = before === undefined ? 0 : all.findIndex((one) => isBehind(one, before));
  const rest = start < 0 ? [] : all.slice(start);
  const messages = rest.slice(0, limit).map((one) => toMessage(state, account, one));
  return rest.length > limit ? { messages, next: cursorOf(rest[limit - 1]!) } : { messages };
}

const cursorOf = ({ modseq, mailbox, placement }: Retained): string => `${modseq}.${mailbox.id}.${placement.uid}`;

/** In the order of `lastFirst`. */
function isBehind({ modseq, mailbox, placement }: Retained, cursor: string): boolean {
  const [m = '', id = '', uid = ''] = cursor.split('.');
  if (modseq !== Number(m)) return modseq < Number(m);
  return mailbox.id === id ? placement.uid < Number(uid) : mailbox.id < id;
}

function toMessage(state: State, account: Account, { mailbox, placement, at }: Retained): ExpungedMessage {
  const removed = !account.mailboxes.has(mailbox.id);
  return {
    row: messageRow(state, placement, { headers: true, parts: true, preview: true }),
    flags: placement.flags,
    mailbox: { id: mailbox.id, name: mailbox.name, removed },
    expungedAt: at,
  };
}
