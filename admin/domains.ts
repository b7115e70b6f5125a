/** The domains that this peer is final for, and which of them stand for another. */
import { MailError } from '#mail/failure.ts';
import { readAlias, readDomain } from '#store/directory-names.ts';
import { endSessions } from './accounts.ts';
import { type Actor, type AdminRooms, type Items, timestamp } from './rooms.ts';

type Rooms = Pick<AdminRooms, 'directory'>;

export interface DomainItem {
  readonly domain: string;
  /** Mail for local@domain is that of local@aliasOf, unless an address of its own stands in it. */
  readonly aliasOf?: string;
  readonly createdAt: string;
}

export interface DomainAlias {
  readonly domain: string;
  readonly aliasOf?: string;
}

/** Asked twice, it is there once: `init` has added the first domain already. */
export async function addDomain({ directory }: Rooms, args: DomainAlias, by: Actor): Promise<DomainAlias> {
  const { domain, aliasOf } = args;
  const name = readDomain(domain);
  if (!(await directory.isLocalDomain(name)))
    await directory.change({ type: 'add-domain', name, ...(aliasOf !== undefined && { aliasOf }) }, by);
  else if (aliasOf !== undefined) await directory.change({ type: 'set-domain-alias', name, aliasOf }, by);
  return args;
}

/** Without `aliasOf` it stands for itself again. @throws MailError `bad-request`, `conflict`. */
export async function setDomainAlias({ directory }: Rooms, args: DomainAlias, by: Actor): Promise<DomainAlias> {
  const { domain, aliasOf } = args;
  await directory.change({ type: 'set-domain-alias', name: domain, ...(aliasOf !== undefined && { aliasOf }) }, by);
  return args;
}

/** @throws MailError `conflict` while accounts or aliases stand in it, or another domain is an alias of it. */
export async function removeDomain({ directory }: Rooms, domain: string, by: Actor): Promise<{ domain: string }> {
  await directory.change({ type: 'remove-domain', name: domain }, by);
  return { domain };
}

/**
 * All addresses of the domain get the new name; sessions under the old ones end. With `alias` the old name stays, as an alias domain.
 * @throws MailError `exists`, `conflict`, `bad-request`.
 */
export async function renameDomain(
  rooms: Rooms & Pick<AdminRooms, 'coordination'>,
  args: { readonly domain: string; readonly to: string; readonly alias: boolean },
  by: Actor,
): Promise<DomainItem> {
  const { domain, to, alias } = args;
  const name = readDomain(domain);
  const accounts = (await rooms.directory.accounts()).filter(({ address }) => readAlias(address).domain === name);
  await rooms.directory.change({ type: 'rename-domain', name, to, alias }, by);
  for (const { address } of accounts) await endSessions(rooms, address);
  return await showDomain(rooms, to);
}

export async function listDomains({ directory }: Rooms): Promise<Items<DomainItem>> {
  return { items: (await directory.domains()).map(shown) };
}

/** @throws MailError `bad-request` where it is none of ours. */
export async function showDomain({ directory }: Rooms, domain: string): Promise<DomainItem> {
  const name = readDomain(domain);
  const found = (await directory.domains()).find((one) => one.name === name);
  if (found === undefined) throw new MailError('bad-request', `${name} is not one of our domains`);
  return shown(found);
}

/** What to know of an alias domain beside its records. */
export async function domainNotes(rooms: Rooms, domain: string): Promise<readonly string[]> {
  const { aliasOf } = await showDomain(rooms, domain);
  if (aliasOf === undefined) return [];
  return [
    `mail for it is that of ${aliasOf}: it needs records of its own all the same, and DKIM keys of its own if people send under it`,
  ];
}

const shown = (domain: { name: string; aliasOf?: string; createdAt: number }): DomainItem => ({
  domain: domain.name,
  ...(domain.aliasOf !== undefined && { aliasOf: domain.aliasOf }),
  createdAt: timestamp(domain.createdAt),
});
