/** The names of an account as LIST sees them: its mailboxes, its subscriptions, and the parents that exist only because of what is below them. */
import type { Mailbox, MailboxList, Role } from '#store/types.ts';
import { parentsOf } from './mailboxes.ts';

export interface ListedName {
  readonly name: string;
  /** Absent: there is no such mailbox, only something below it or a subscription. */
  readonly mailbox?: Mailbox;
  readonly subscribed: boolean;
  /** Some mailbox exists below it. */
  readonly hasChildren: boolean;
  readonly hasSubscribedBelow: boolean;
  readonly hasSpecialUseBelow: boolean;
}

type Building = { -readonly [K in keyof ListedName]: ListedName[K] };

/** INBOX first, then by name, so that parents come before their children. */
export function mailboxTree(list: MailboxList): readonly ListedName[] {
  const names = new Map<string, Building>();
  const entry = (name: string): Building => {
    let found = names.get(name);
    if (found === undefined) {
      const nothing = { hasChildren: false, hasSubscribedBelow: false, hasSpecialUseBelow: false };
      found = { name, subscribed: false, ...nothing };
      names.set(name, found);
    }
    return found;
  };
  for (const mailbox of list.mailboxes) entry(mailbox.name).mailbox = mailbox;
  for (const name of list.subscribed) entry(name).subscribed = true;
  // Parents that are added on the way are visited too, and add nothing.
  for (const { name, mailbox, subscribed } of names.values()) {
    for (const parent of parentsOf(name)) {
      const above = entry(parent);
      if (mailbox !== undefined) above.hasChildren = true;
      if (subscribed) above.hasSubscribedBelow = true;
      if (specialUse(mailbox?.role) !== undefined) above.hasSpecialUseBelow = true;
    }
  }
  return [...names.values()].sort(byName);
}

function byName(a: ListedName, b: ListedName): number {
  if (a.name === 'INBOX') return -1;
  if (b.name === 'INBOX') return 1;
  return a.name < b.name ? -1 : 1;
}

const USES = {
  inbox: undefined,
  archive: '\\Archive',
  drafts: '\\Drafts',
  flagged: '\\Flagged',
  important: '\\Important',
  junk: '\\Junk',
  sent: '\\Sent',
  trash: '\\Trash',
} satisfies Record<Role, string | undefined>;

/** RFC 6154 §2, RFC 8457. */
export function specialUse(role: Role | undefined): string | undefined {
  return role === undefined ? undefined : USES[role];
}
