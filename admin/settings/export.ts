/** The settings as they are now. */
import type { Account } from '#store/directory.ts';
import type { AdminRooms } from '../rooms.ts';
import { type AccountSettings, canonical, SETTINGS_VERSION, type Settings } from './settings.ts';

export type SettingsRooms = Pick<AdminRooms, 'directory' | 'store'>;

/** Accounts asked for at a time. */
const BATCH = 100;

/** Accounts that are being made or removed are left out. Two peers with the same settings give the same document. */
export async function exportSettings({ directory, store }: SettingsRooms): Promise<Settings> {
  const [domains, all, aliases] = await Promise.all([directory.domains(), directory.accounts(), directory.aliases()]);
  const active = all.filter(({ state }) => state === 'active');
  const accounts: AccountSettings[] = [];
  for (let at = 0; at < active.length; at += BATCH) {
    accounts.push(...(await Promise.all(active.slice(at, at + BATCH).map((account) => describe(store, account)))));
  }
  return canonical({
    version: SETTINGS_VERSION,
    domains: domains.map(({ name }) => name),
    domainAliases: domains.flatMap(({ name, aliasOf }) => (aliasOf === undefined ? [] : [{ domain: name, aliasOf }])),
    accounts,
    aliases: aliases.map(({ address, targets }) => ({ address, targets })),
  });
}

async function describe(store: AdminRooms['store'], account: Account): Promise<AccountSettings> {
  const { id, address, admin, suspended, forward, moved } = account;
  const { quotaBytes } = await store.accountState({ owner: id, viewer: id });
  return {
    address,
    quota: quotaBytes ?? null,
    ...(admin && { admin }),
    ...(suspended && { suspended }),
    ...(forward && { forward }),
    ...(moved && { moved }),
  };
}
