/** The domains that this peer is final for. */
import { readDomain } from '#store/directory-names.ts';
import { type Actor, type AdminRooms, type Items, timestamp } from './rooms.ts';

type Rooms = Pick<AdminRooms, 'directory'>;

export interface DomainItem {
  readonly domain: string;
  readonly createdAt: string;
}

/** Asked twice, it is there once: `init` has added the first domain already. */
export async function addDomain({ directory }: Rooms, domain: string, by: Actor): Promise<{ domain: string }> {
  const name = readDomain(domain);
  if (!(await directory.isLocalDomain(name))) await directory.change({ type: 'add-domain', name }, by);
  return { domain };
}

/** @throws MailError `conflict` while accounts or aliases stand in it. */
export async function removeDomain({ directory }: Rooms, domain: string, by: Actor): Promise<{ domain: string }> {
  await directory.change({ type: 'remove-domain', name: domain }, by);
  return { domain };
}

export async function listDomains({ directory }: Rooms): Promise<Items<DomainItem>> {
  const domains = await directory.domains();
  return { items: domains.map(({ name, createdAt }) => ({ domain: name, createdAt: timestamp(createdAt) })) };
}
