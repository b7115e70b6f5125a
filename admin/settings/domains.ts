/** Domains that come, go, or stand for another: what differs, and in which order it can be done. */
import type { Settings, SettingsChange } from './settings.ts';

/** Which domain stands for which. Where the document doesn't say it, what `known` says of its domains stays. */
export function aliasesOfDomains({ domains, domainAliases }: Settings, known?: Settings): ReadonlyMap<string, string> {
  if (domainAliases !== undefined) return new Map(domainAliases.map(({ domain, aliasOf }) => [domain, aliasOf]));
  if (known === undefined) return new Map();
  return new Map([...aliasesOfDomains(known)].filter(([domain]) => domains.includes(domain)));
}

export function compareDomains(before: Settings, after: Settings): SettingsChange[] {
  const kind = 'domain';
  const [old, wanted] = [aliasesOfDomains(before), aliasesOfDomains(after, before)];
  const shown = (aliases: ReadonlyMap<string, string>, domain: string) => ({ aliasOf: aliases.get(domain) ?? null });
  const changes = after.domains.flatMap((target): SettingsChange[] => {
    const alias = wanted.get(target);
    if (!before.domains.includes(target))
      return [{ act: 'add', kind, target, ...(alias !== undefined && { after: { aliasOf: alias } }) }];
    if (alias === old.get(target)) return [];
    return [{ act: 'change', kind, target, before: shown(old, target), after: shown(wanted, target) }];
  });
  const gone = before.domains.filter((domain) => !after.domains.includes(domain));
  return [...changes, ...gone.map((target): SettingsChange => ({ act: 'remove', kind, target, destructive: true }))];
}

/**
 * A domain that becomes an alias may have none itself at that moment, and what it stands for must stand for itself: those that stand for themselves come
 * first, then those that were aliases before. What goes, goes last, aliases before what they stand for; but before it, it ceases to be one.
 */
export function orderedDomains(
  changes: readonly SettingsChange[],
  before: Settings,
): { readonly first: readonly SettingsChange[]; readonly last: readonly SettingsChange[] } {
  const old = aliasesOfDomains(before);
  const all = changes.filter(({ kind }) => kind === 'domain');
  const becomesAlias = ({ after }: SettingsChange): boolean => {
    const { aliasOf } = (after ?? {}) as { readonly aliasOf?: string | null };
    return typeof aliasOf === 'string';
  };
  const rank = (change: SettingsChange): number => {
    if (!becomesAlias(change)) return 0;
    return change.act === 'change' && old.has(change.target) ? 1 : 2;
  };
  const stays = all.filter(({ act }) => act !== 'remove').sort((a, b) => rank(a) - rank(b));
  const goes = all.filter(({ act }) => act === 'remove');
  const inTheWay = goes.filter(({ target }) =>
    stays.some((other) => becomesAlias(other) && other.target === old.get(target)),
  );
  const freed = inTheWay.map(
    ({ target }): SettingsChange => ({
      act: 'change',
      kind: 'domain',
      target,
      before: { aliasOf: old.get(target) ?? null },
      after: { aliasOf: null },
      destructive: true,
    }),
  );
  const isAlias = ({ target }: SettingsChange): number => (old.has(target) ? 0 : 1);
  return { first: [...freed, ...stays], last: goes.sort((a, b) => isAlias(a) - isAlias(b)) };
}
