/** A domain gets another name: all that stands in it, and all that leads there. */
import { MailError } from '#mail/failure.ts';
import type { Account, Alias } from './directory.ts';
import { readAlias, readDomain } from './directory-names.ts';
import { nameOfAccount, type Of, putAccount, type Rows, requireDomain, requireFree } from './directory-requirements.ts';
import { retarget } from './directory-retarget.ts';

export function renameDomain(rows: Rows, change: Of<'rename-domain'>, now: number): void {
  const name = readDomain(change.name);
  const to = readDomain(change.to);
  requireDomain(rows, name);
  if (name === to) throw new MailError('bad-request', `${name} has that name already`);
  const known = rows.domain(to);
  // An alias of the old name becomes the main one: they change places.
  if (known?.aliasOf !== undefined && known.aliasOf !== name)
    throw new MailError('bad-request', `${to} is an alias of ${known.aliasOf}: name that one`);
  const moving = {
    accounts: rows.accounts().filter((account) => domainOf(nameOfAccount(account)) === name),
    aliases: rows.aliases().filter(({ address }) => readAlias(address).domain === name),
  };
  const renamed = (address: string): string => `${address.slice(0, address.lastIndexOf('@'))}@${to}`;
  for (const { address } of [...moving.accounts, ...moving.aliases])
    requireFree(rows, readAlias(renamed(address)).name);
  requireNoneToItself(moving, renamed, name);

  if (known === undefined) rows.addDomain({ name: to, createdAt: now });
  rows.setDomainAlias(to, undefined);
  for (const account of moving.accounts) putAccount(rows, { ...account, address: renamed(account.address) });
  for (const alias of moving.aliases) {
    rows.removeAlias(readAlias(alias.address).name);
    const address = renamed(alias.address);
    rows.addAlias({ ...alias, address }, readAlias(address).name);
  }
  retarget(rows, (target) => (readAlias(target).domain === name ? renamed(target) : undefined));
  for (const other of rows.domains()) if (other.aliasOf === name) rows.setDomainAlias(other.name, to);
  if (change.alias) {
    rows.setDomainAlias(name, to);
    return;
  }
  for (const { selector } of rows.dkimKeys(name)) rows.removeDkimKey(name, selector);
  rows.removeDomain(name);
}

/** What led from the old name to the new one, elsewhere until now, would lead in a circle. */
function requireNoneToItself(
  { accounts, aliases }: { readonly accounts: readonly Account[]; readonly aliases: readonly Alias[] },
  renamed: (address: string) => string,
  name: string,
): void {
  const forwards = accounts.map(({ address, forward }) => ({ address, targets: forward?.targets ?? [] }));
  for (const { address, targets } of [...forwards, ...aliases]) {
    const own = readAlias(renamed(address)).name;
    const after = targets.map((target) => (readAlias(target).domain === name ? renamed(target) : target));
    if (after.some((target) => readAlias(target).name === own))
      throw new MailError('conflict', `${address} leads to ${renamed(address)}: change that first`);
  }
}

const domainOf = (name: string): string => name.slice(name.lastIndexOf('@') + 1);
