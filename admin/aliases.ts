/** Addresses that lead to other addresses, here or elsewhere; `@domain` is the catch-all. */
import { type Actor, type AdminRooms, type Items, timestamp } from './rooms.ts';

type Rooms = Pick<AdminRooms, 'directory'>;

export interface AliasItem {
  readonly address: string;
  readonly targets: readonly string[];
  readonly createdAt: string;
}

export async function addAlias(
  { directory }: Rooms,
  args: { readonly address: string; readonly targets: readonly string[] },
  by: Actor,
): Promise<{ address: string; targets: readonly string[] }> {
  const { address, targets } = args;
  await directory.change({ type: 'add-alias', address, targets }, by);
  return { address, targets };
}

/** Of an alias that is there: mail for it goes to the old targets or to the new ones at each moment. */
export async function setAlias(
  { directory }: Rooms,
  args: { readonly address: string; readonly targets: readonly string[] },
  by: Actor,
): Promise<{ address: string; targets: readonly string[] }> {
  const { address, targets } = args;
  await directory.change({ type: 'set-alias', address, targets }, by);
  return { address, targets };
}

export async function removeAlias({ directory }: Rooms, address: string, by: Actor): Promise<{ address: string }> {
  await directory.change({ type: 'remove-alias', address }, by);
  return { address };
}

/** By address. */
export async function listAliases({ directory }: Rooms): Promise<Items<AliasItem>> {
  const aliases = [...(await directory.aliases())].sort((a, b) => (a.address < b.address ? -1 : 1));
  return {
    items: aliases.map(({ address, targets, createdAt }) => ({ address, targets, createdAt: timestamp(createdAt) })),
  };
}
