/** What would have to change so that the settings are as somebody wants them: data, nothing is done. */
import { isDeepStrictEqual } from 'node:util';
import { readAlias } from '#store/directory-names.ts';
import { circleOf, depthsOf } from './circles.ts';
import { compareDomains, orderedDomains } from './domains.ts';
import { exportSettings, type SettingsRooms } from './export.ts';
import { findProblems, type SettingsProblem } from './problems.ts';
import { type AccountSettings, canonical, type Settings, type SettingsChange } from './settings.ts';

export interface SettingsPlan {
  /** In the order in which they are done. */
  readonly changes: readonly SettingsChange[];
  /** Nothing is done while there is one. */
  readonly problems: readonly SettingsProblem[];
}

/** @throws MailError `bad-request` for a domain or address that is none. */
export async function planSettings(
  rooms: SettingsRooms,
  wanted: Settings,
  { prune }: { readonly prune: boolean },
): Promise<SettingsPlan> {
  const after = canonical(wanted);
  const before = await exportSettings(rooms);
  const changes = compare(before, after);
  return { changes: ordered(changes, before, after), problems: findProblems(before, after, prune) };
}

function compare(before: Settings, after: Settings): SettingsChange[] {
  const domainChanges = compareDomains(before, after);
  const accountChanges = diff('account', before.accounts, after.accounts, changedFields);
  const aliasChanges = diff('alias', before.aliases, after.aliases, (old, wanted) =>
    isDeepStrictEqual(old.targets, wanted.targets)
      ? undefined
      : { before: { targets: old.targets }, after: { targets: wanted.targets } },
  );
  return [...domainChanges, ...accountChanges, ...aliasChanges];
}

function diff<T extends { readonly address: string }>(
  kind: 'account' | 'alias',
  before: readonly T[],
  after: readonly T[],
  changed: (old: T, wanted: T) => { before: object; after: object } | undefined,
): SettingsChange[] {
  const name = ({ address }: T): string => readAlias(address).name;
  const known = new Map(before.map((each) => [name(each), each]));
  const wanted = new Set(after.map(name));
  const changes: SettingsChange[] = [];
  for (const each of after) {
    const old = known.get(name(each));
    const { address: target, ...rest } = each;
    if (old === undefined) changes.push({ act: 'add', kind, target, after: rest });
    else {
      const fields = changed(old, each);
      if (fields !== undefined) changes.push({ act: 'change', kind, target: old.address, ...fields });
    }
  }
  for (const each of before) {
    if (wanted.has(name(each))) continue;
    const { address: target, ...rest } = each;
    changes.push({ act: 'remove', kind, target, before: rest, destructive: true });
  }
  return changes.map(noted);
}

const FIELDS = ['quota', 'admin', 'suspended', 'forward', 'moved'] as const;

function changedFields(old: AccountSettings, wanted: AccountSettings): { before: object; after: object } | undefined {
  const fields = FIELDS.filter(
    (field) => (field !== 'quota' || wanted.quota !== undefined) && !isDeepStrictEqual(old[field], wanted[field]),
  );
  if (fields.length === 0) return undefined;
  const only = (account: AccountSettings) =>
    Object.fromEntries(fields.map((field) => [field, account[field] ?? (isSwitch(field) ? false : null)]));
  return { before: only(old), after: only(wanted) };
}

const isSwitch = (field: string): boolean => field === 'admin' || field === 'suspended';

function noted(change: SettingsChange): SettingsChange {
  if (change.kind !== 'account' || change.act === 'change') return change;
  if (change.act === 'remove') return { ...change, note: 'with all its mail' };
  return { ...change, note: 'a password is made for it and shown once' };
}

/**
 * Domains come first, then accounts, then aliases, each behind those that it leads to, so that no step leads in a circle; what goes comes last, aliases
 * first, so that at each moment mail for what stays has where to go. An alias that is in the way of an account of its name goes before, and an account
 * that is in the way of an alias.
 */
function ordered(changes: readonly SettingsChange[], before: Settings, after: Settings): readonly SettingsChange[] {
  const pick = (kind: SettingsChange['kind'], removed: boolean) =>
    changes.filter((change) => change.kind === kind && (change.act === 'remove') === removed);
  const names = new Set([...after.accounts, ...after.aliases].map(({ address }) => readAlias(address).name));
  const gone = [...pick('alias', true), ...pick('account', true)];
  // Aliases that go could lead back to those that change: they would make a circle for a moment.
  const circles = leadInCircle(before, after);
  const early = gone.filter(({ target, kind }) => names.has(readAlias(target).name) || (kind === 'alias' && circles));
  const depth = depthsOf(after.aliases);
  const aliases = pick('alias', false).sort((a, b) => (depth.get(nameOf(a)) ?? 0) - (depth.get(nameOf(b)) ?? 0));
  const late = gone.filter((change) => !early.includes(change));
  const domains = orderedDomains(changes, before);
  return [...domains.first, ...early, ...pick('account', false), ...aliases, ...late, ...domains.last];
}

const nameOf = ({ target }: SettingsChange): string => readAlias(target).name;

/** Those that go lead to others as these are before they change, too. */
function leadInCircle(before: Settings, after: Settings): boolean {
  const targets = new Map<string, readonly string[]>();
  for (const { address, targets: more } of [...before.aliases, ...after.aliases]) {
    const name = readAlias(address).name;
    targets.set(name, [...(targets.get(name) ?? []), ...more]);
  }
  const union = Array.from(targets, ([address, all]) => ({ address, targets: all }));
  return circleOf(union) !== undefined;
}
