/** Why wanted settings can't be: looked for before anything is changed. */
import { readAlias } from '#store/directory-names.ts';
import { circleOf } from './circles.ts';
import { aliasesOfDomains } from './domains.ts';
import type { Settings } from './settings.ts';

export interface SettingsProblem {
  /** The domain or address that it is about. */
  readonly target: string;
  readonly message: string;
}

/** @param prune what isn't wanted goes; without, it stays and must get along with what comes. */
export function findProblems(before: Settings, after: Settings, prune: boolean): readonly SettingsProblem[] {
  return [
    ...duplicates(after),
    ...domainAliasProblems(before, after, prune),
    ...withoutDomain(before, after, prune),
    ...taken(before, after, prune),
    ...toThemselves(after),
    ...circles(before, after, prune),
  ];
}

const nameOf = ({ address }: { readonly address: string }): string => readAlias(address).name;

function duplicates({ accounts, aliases }: Settings): SettingsProblem[] {
  const seen = new Set<string>();
  return [...accounts, ...aliases].flatMap((each) => {
    const name = nameOf(each);
    if (seen.has(name)) return [{ target: each.address, message: 'stands there twice' }];
    seen.add(name);
    return [];
  });
}

/** One step, to a domain that stays and stands for itself. */
function domainAliasProblems(before: Settings, after: Settings, prune: boolean): SettingsProblem[] {
  const stay = prune ? [] : before.domains.filter((domain) => !after.domains.includes(domain));
  const final = new Map([
    ...[...aliasesOfDomains(before)].filter(([domain]) => stay.includes(domain)),
    ...aliasesOfDomains(after, before),
  ]);
  const domains = new Set([...after.domains, ...stay]);
  const seen = new Set<string>();
  const twice = (after.domainAliases ?? []).filter(({ domain }) => seen.size === seen.add(domain).size);
  const problems = [...final].flatMap(([target, aliasOf]): SettingsProblem[] => {
    const wrong = (message: string) => [{ target, message }];
    if (!domains.has(target)) return wrong('is not among the domains');
    if (aliasOf === target) return wrong('can not be an alias of itself');
    if (!domains.has(aliasOf)) return wrong(`is an alias of ${aliasOf}, which is not among the domains`);
    return final.has(aliasOf) ? wrong(`is an alias of ${aliasOf}, which is an alias itself`) : [];
  });
  return [...problems, ...twice.map(({ domain }) => ({ target: domain, message: 'is an alias twice' }))];
}

function withoutDomain(before: Settings, after: Settings, prune: boolean): SettingsProblem[] {
  const domains = new Set([...after.domains, ...(prune ? [] : before.domains)]);
  return [...after.accounts, ...after.aliases]
    .filter(({ address }) => !domains.has(readAlias(address).domain))
    .map(({ address }) => ({
      target: address,
      message: `its domain ${readAlias(address).domain} is not among the domains`,
    }));
}

/** What has that name now and would have to go first. */
function taken(before: Settings, after: Settings, prune: boolean): SettingsProblem[] {
  if (prune) return [];
  const accounts = new Set(before.accounts.map(nameOf));
  const aliases = new Set(before.aliases.map(nameOf));
  return [
    ...after.accounts.filter((each) => aliases.has(nameOf(each))).map((each) => inTheWay(each.address, 'an alias')),
    ...after.aliases.filter((each) => accounts.has(nameOf(each))).map((each) => inTheWay(each.address, 'an account')),
  ];
}

const inTheWay = (target: string, what: string): SettingsProblem => ({
  target,
  message: `is ${what} now, which goes only with prune`,
});

function toThemselves({ accounts }: Settings): SettingsProblem[] {
  return accounts.flatMap((account) => {
    const led = [...(account.forward?.targets ?? []), ...(account.moved ? [account.moved.to] : [])];
    const itself = led.some((target) => readAlias(target).name === nameOf(account));
    return itself ? [{ target: account.address, message: 'can not lead to itself' }] : [];
  });
}

function circles(before: Settings, after: Settings, prune: boolean): SettingsProblem[] {
  const wanted = new Set(after.aliases.map(nameOf));
  const stay = prune ? [] : before.aliases.filter((alias) => !wanted.has(nameOf(alias)));
  const circle = circleOf([...after.aliases, ...stay]);
  return circle === undefined
    ? []
    : [{ target: circle, message: 'leads back to itself, perhaps through other aliases' }];
}
