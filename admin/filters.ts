/** Filters of an account: what it wants done with mail that comes in. Their order counts. */
import { MailError } from '#mail/failure.ts';
import type { Filter } from '#store/account-rules.ts';
import { newId } from '#store/ids.ts';
import { mailboxName } from '#store/names.ts';
import type { Mailbox } from '#store/types.ts';
import type { WrittenFilter } from './filter-shapes.ts';
import type { Actor, AdminRooms, Items } from './rooms.ts';
import { accountWithRules, retrying } from './rules.ts';

export type FilterRooms = Pick<AdminRooms, 'directory' | 'store' | 'random'>;

export async function listFilters(rooms: Pick<AdminRooms, 'directory'>, address: string): Promise<Items<Filter>> {
  return { items: (await accountWithRules(rooms, address)).filters ?? [] };
}

/**
 * Makes the filters what `edit` makes of them.
 * @param edit called again where somebody else has changed them meanwhile.
 */
export async function editFilters(
  rooms: Pick<AdminRooms, 'directory'>,
  address: string,
  edit: (current: readonly Filter[]) => readonly Filter[],
  by: Actor,
): Promise<Items<Filter>> {
  await retrying(async () => {
    const { id, filters: was = [] } = await accountWithRules(rooms, address);
    await rooms.directory.change({ type: 'set-filters', id, filters: edit(was), was }, by);
  });
  return await listFilters(rooms, address);
}

/** Filters as the directory keeps them: with ids, and those of mailboxes. @throws MailError `no-such-mailbox`. */
export async function readFilters(
  rooms: FilterRooms,
  address: string,
  written: readonly WrittenFilter[],
): Promise<readonly Filter[]> {
  const { id } = await accountWithRules(rooms, address);
  const named = written.some(({ then }) => then.mailbox !== undefined);
  const { mailboxes } = named ? await rooms.store.mailboxes({ owner: id, viewer: id }) : { mailboxes: [] };
  return written.map((filter) => readFilter(rooms, mailboxes, filter));
}

/** All filters anew. Those of an id that is there stay the same, for who has noted it. */
export async function setFilters(
  rooms: FilterRooms,
  args: { readonly address: string; readonly filters: readonly WrittenFilter[] },
  by: Actor,
): Promise<Items<Filter>> {
  const filters = await readFilters(rooms, args.address, args.filters);
  return await editFilters(rooms, args.address, () => filters, by);
}

function readFilter({ random }: FilterRooms, mailboxes: readonly Mailbox[], written: WrittenFilter): Filter {
  const { id, name, enabled = true, when, then, stop } = written;
  const { mailbox, keywords, junk, discard, forward } = then;
  return {
    id: id ?? newId('filter', random),
    name,
    enabled,
    when,
    then: {
      ...(mailbox !== undefined && { mailbox: mailboxId(mailboxes, mailbox) }),
      ...(keywords !== undefined && keywords.length > 0 && { keywords }),
      ...(junk && { junk }),
      ...(discard && { discard }),
      ...(forward !== undefined && { forward }),
    },
    ...(stop && { stop }),
  };
}

function mailboxId(mailboxes: readonly Mailbox[], idOrName: string): string {
  const name = mailboxName(idOrName);
  const found = mailboxes.find(({ id }) => id === idOrName) ?? mailboxes.find((mailbox) => mailbox.name === name);
  if (found === undefined) throw new MailError('no-such-mailbox', `There is no mailbox "${idOrName}" in the account`);
  return found.id;
}
