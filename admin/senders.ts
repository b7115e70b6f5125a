/** Whom an account, or the whole peer, takes mail from or doesn't. */
import { MailError } from '#mail/failure.ts';
import { NO_SENDERS, type SenderLists } from '#store/account-rules.ts';
import { senderPattern } from '#store/rules/senders.ts';
import type { Actor, AdminRooms } from './rooms.ts';
import { accountWithRules, retrying } from './rules.ts';

type Rooms = Pick<AdminRooms, 'directory'>;

/** @param address of an account; absent: the whole peer. */
export async function showSenders(rooms: Rooms, address?: string): Promise<SenderLists> {
  if (address === undefined) return await rooms.directory.peerSenders();
  return (await accountWithRules(rooms, address)).senders ?? NO_SENDERS;
}

/** Makes the lists what `edit` makes of them; it is called again where somebody else has changed them meanwhile. Answers them in their one form. */
export async function editSenders(
  rooms: Rooms,
  address: string | undefined,
  edit: (current: SenderLists) => SenderLists,
  by: Actor,
): Promise<SenderLists> {
  await retrying(async () => {
    const was = await showSenders(rooms, address);
    const senders = edit(was);
    if (address === undefined) await rooms.directory.change({ type: 'set-peer-senders', senders, was }, by);
    else {
      const { id } = await accountWithRules(rooms, address);
      await rooms.directory.change({ type: 'set-senders', id, senders, was }, by);
    }
  });
  return await showSenders(rooms, address);
}

export interface SenderChanges {
  readonly allow: readonly string[];
  readonly block: readonly string[];
  /** From either list. */
  readonly remove: readonly string[];
}

/** A sender is on one list at most: who is blocked is no longer allowed, and the reverse. @throws MailError `bad-request` for what is no sender. */
export function changedSenders(current: SenderLists, { allow, block, remove }: SenderChanges): SenderLists {
  const [allowed, blocked, removed] = [allow, block, remove].map((texts) => new Set(texts.map(formOf)));
  const twice = [...allowed!].find((text) => blocked!.has(text));
  if (twice !== undefined) throw new MailError('bad-request', `${twice} can't be allowed and blocked`);
  const left = (list: readonly string[], others: ReadonlySet<string>): string[] =>
    list.filter((text) => !others.has(text) && !removed!.has(text));
  return {
    allow: [...new Set([...left(current.allow, blocked!), ...allowed!])],
    block: [...new Set([...left(current.block, allowed!), ...blocked!])],
  };
}

function formOf(text: string): string {
  const form = senderPattern(text);
  if (form === undefined)
    throw new MailError('bad-request', `"${text}" is no sender: write user@domain, @domain or .domain`);
  return form;
}
