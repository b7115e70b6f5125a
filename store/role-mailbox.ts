/** The mailbox of a role, such as Junk: an account may have lost it, or never had it. */
import type { Random } from '#runtime/ambient.ts';
import { newId } from './ids.ts';
import type { Mutation } from './mutation.ts';
import type { MailStore } from './store.ts';
import type { Access, Mailbox, MailboxId } from './types.ts';

/** A mailbox, and the mutations that make it where there is none yet. */
export interface RoleMailbox {
  readonly id: MailboxId;
  readonly mutations: readonly Mutation[];
}

const NAMES = { drafts: 'Drafts', sent: 'Sent', junk: 'Junk', trash: 'Trash' } as const;

/** The mailbox of that role; else the one of its usual name, else a new one. */
export async function roleMailbox(
  store: Pick<MailStore, 'mailboxes'>,
  access: Access,
  role: keyof typeof NAMES,
  random: Random,
): Promise<RoleMailbox> {
  const { mailboxes } = await store.mailboxes(access);
  const name = NAMES[role];
  const found = mailboxes.find((one) => one.role === role) ?? mailboxes.find((one) => isFree(one, name));
  if (found !== undefined) return { id: found.id, mutations: [] };
  const id = newId('mailbox', random);
  return {
    id,
    mutations: [
      { type: 'create-mailbox', id, name, role },
      { type: 'subscribe', name, subscribed: true },
    ],
  };
}

const isFree = (mailbox: Mailbox, name: string): boolean => mailbox.name === name && mailbox.role === undefined;
