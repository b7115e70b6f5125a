/** What happens with mail for an address, step by step, as the directory says it now. Nothing is sent. */
import { formatAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import type { Lookup } from '#store/directory.ts';
import { localKey, nameOf, readAddress } from '#store/directory-names.ts';
import type { AdminRooms } from './rooms.ts';

type Rooms = Pick<AdminRooms, 'directory'>;

/** More than an alias takes that makes sense. */
const MOST_STEPS = 1_000;

export interface AddressStep {
  readonly address: string;
  /** What led here; absent for the address that was asked for. */
  readonly from?: string;
  readonly kind: Lookup['kind'];
  /** By its very name, by the name before `+`, as a catch-all, or as `postmaster` and `abuse` of a domain that has none. */
  readonly how?: 'name' | 'detail' | 'catch-all' | 'role';
  /** The domain is an alias of this one, and what was found stands there. */
  readonly domain?: string;
  readonly account?: { readonly id: string; readonly address: string };
  readonly detail?: string;
  /** Of an alias. */
  readonly targets?: readonly string[];
  readonly forward?: { readonly targets: readonly string[]; readonly keep: boolean };
  readonly moved?: { readonly to: string; readonly how: 'forward' | 'reject' };
}

export interface ResolvedAddress {
  readonly address: string;
  readonly steps: readonly AddressStep[];
  /** Accounts that keep a copy. */
  readonly accounts: readonly string[];
  /** Addresses of others that it is sent on to. */
  readonly elsewhere: readonly string[];
  /** Addresses of ours that nobody has, or whose account has moved away and isn't followed. */
  readonly refused: readonly string[];
}

/** @throws MailError `bad-request` for what is no address. */
export async function resolveAddress(rooms: Rooms, text: string): Promise<ResolvedAddress> {
  const first = readAddress(text);
  const waiting: { address: Address; from?: string }[] = [{ address: first }];
  const steps: AddressStep[] = [];
  const ends = { accounts: new Set<string>(), elsewhere: new Set<string>(), refused: new Set<string>() };
  const seen = new Set<string>();
  for (let next = waiting.shift(); next !== undefined && steps.length < MOST_STEPS; next = waiting.shift()) {
    const { address, from } = next;
    const name = nameOf(address.localPart, address.domain);
    if (seen.has(name)) continue;
    seen.add(name);
    const shown = formatAddress(address);
    const found = await rooms.directory.lookup(address);
    steps.push({ address: shown, ...(from !== undefined && { from }), ...(await described(rooms, address, found)) });
    if (found.kind === 'foreign') ends.elsewhere.add(shown);
    else if (found.kind === 'unknown') ends.refused.add(shown);
    else if (found.kind === 'moved' && found.how === 'reject') ends.refused.add(shown);
    else if (found.kind === 'account' && (found.forward?.keep ?? true)) ends.accounts.add(formatAddress(found.address));
    waiting.push(...onwards(found).map((target) => ({ address: target, from: shown })));
  }
  // Accounts that forward to one another: the first keeps it.
  if (ends.accounts.size + ends.elsewhere.size + ends.refused.size === 0) {
    const keeper = steps.find(({ account }) => account !== undefined)?.account;
    if (keeper !== undefined) ends.accounts.add(keeper.address);
  }
  const { accounts, elsewhere, refused } = ends;
  return {
    address: formatAddress(first),
    steps,
    accounts: [...accounts],
    elsewhere: [...elsewhere],
    refused: [...refused],
  };
}

function onwards(found: Lookup): readonly Address[] {
  if (found.kind === 'alias') return found.targets;
  if (found.kind === 'moved') return found.how === 'forward' ? [found.to] : [];
  return found.kind === 'account' ? (found.forward?.targets ?? []) : [];
}

async function described({ directory }: Rooms, asked: Address, found: Lookup): Promise<Omit<AddressStep, 'address'>> {
  const { kind } = found;
  const texts = (targets: readonly Address[]): readonly string[] => targets.map(formatAddress);
  switch (found.kind) {
    case 'account':
    case 'moved': {
      const account = await directory.account(found.account);
      const own = account === undefined ? asked : readAddress(account.address);
      const detail = found.kind === 'account' ? found.detail : undefined;
      const forward = found.kind === 'account' ? found.forward : undefined;
      return {
        kind,
        how: howFound(asked, localKey(own.localPart)),
        ...elsewhereIn(asked, own.domain),
        account: { id: found.account, address: formatAddress(own) },
        ...(detail !== undefined && { detail }),
        ...(forward && { forward: { targets: texts(forward.targets), keep: forward.keep } }),
        ...(found.kind === 'moved' && { moved: { to: formatAddress(found.to), how: found.how } }),
      };
    }
    case 'alias':
      return { kind, ...(await whichAlias(directory, asked)), targets: texts(found.targets) };
    default:
      return { kind };
  }
}

const elsewhereIn = (asked: Address, domain: string): { domain?: string } =>
  domain.toLowerCase() === asked.domain.toLowerCase() ? {} : { domain };

function howFound({ localPart }: Address, own: string): NonNullable<AddressStep['how']> {
  const key = localKey(localPart);
  if (key === own) return 'name';
  return key.startsWith(`${own}+`) ? 'detail' : 'role';
}

/** In the order in which the directory looks: names before catch-alls, the domain's own before the other's. */
async function whichAlias(directory: Rooms['directory'], asked: Address): Promise<Pick<AddressStep, 'how' | 'domain'>> {
  const [domains, aliases] = await Promise.all([directory.domains(), directory.aliases()]);
  const own = asked.domain === '' ? (domains[0]?.name ?? '') : asked.domain.toLowerCase();
  const aliasOf = domains.find(({ name }) => name === own)?.aliasOf;
  const within = aliasOf === undefined ? [own] : [own, aliasOf];
  const names = new Set(aliases.map(({ address }) => (address.startsWith('@') ? address : keyOf(address))));
  const plus = asked.localPart.indexOf('+');
  const base = plus > 0 ? asked.localPart.slice(0, plus) : undefined;
  for (const domain of within) {
    if (names.has(nameOf(asked.localPart, domain))) return { how: 'name', ...elsewhereIn(asked, domain) };
    if (base !== undefined && names.has(nameOf(base, domain))) return { how: 'detail', ...elsewhereIn(asked, domain) };
  }
  const all = within.find((domain) => names.has(`@${domain}`));
  return { how: 'catch-all', ...(all !== undefined && elsewhereIn(asked, all)) };
}

function keyOf(text: string): string {
  const { localPart, domain } = readAddress(text);
  return nameOf(localPart, domain);
}
