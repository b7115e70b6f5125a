/** Mailboxes as JSON: a flat list in which each names its parent. */
import Type from 'typebox';
import type { Access, Mailbox, MailboxList } from '#store/types.ts';
import { BIT } from '#store/view.ts';
import { Id } from '../schemas.ts';
import { type Mail, withViews } from './mail.ts';

export const ROLES = ['inbox', 'archive', 'drafts', 'flagged', 'important', 'junk', 'sent', 'trash'] as const;

export const MailboxJson = Type.Object(
  {
    id: Id,
    name: Type.String({ description: 'The whole path, levels separated by `/`.', examples: ['Projects/2026'] }),
    parentId: Type.Union([Type.String(), Type.Null()]),
    role: Type.Union([Type.Enum([...ROLES]), Type.Null()]),
    messages: Type.Integer(),
    unread: Type.Integer(),
    size: Type.Integer({ description: 'Octets of all its messages.' }),
    subscribed: Type.Boolean(),
    uidValidity: Type.Integer(),
    uidNext: Type.Integer(),
  },
  { title: 'Mailbox' },
);

/** @param list of which it is one. */
export async function mailboxJson(mail: Mail, access: Access, mailbox: Mailbox, list: MailboxList) {
  const { id, name, role, size, uidValidity, uidNext } = mailbox;
  return {
    id,
    name,
    parentId: parentOf(name, list.mailboxes)?.id ?? null,
    role: role ?? null,
    ...(await counts(mail, access, mailbox)),
    size,
    subscribed: list.subscribed.includes(name),
    uidValidity,
    uidNext,
  };
}

/** The nearest that exists: names between may have none of their own. */
function parentOf(name: string, mailboxes: readonly Mailbox[]): Mailbox | undefined {
  for (let at = name.lastIndexOf('/'); at > 0; at = name.lastIndexOf('/', at - 1)) {
    const found = mailboxes.find((other) => other.name === name.slice(0, at));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What waits to be expunged does not count (RFC 8621 §4.1.1). Mostly there is none, and nothing has to be looked at. */
async function counts(mail: Mail, access: Access, { id, messages, unseen, deleted }: Mailbox) {
  if (deleted === 0) return { messages, unread: unseen };
  return await withViews(mail, access, [id], async ([open]) => {
    let [all, unread] = [0, 0];
    if (open === undefined) return { messages: all, unread };
    const { view } = open;
    for (let i = 0; i < view.length; i++) {
      const bits = view.bitsAt(i);
      if ((bits & BIT.deleted) !== 0) continue;
      all++;
      if ((bits & BIT.seen) === 0) unread++;
    }
    return { messages: all, unread };
  });
}
