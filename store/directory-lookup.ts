/** Where mail for an address goes, and whose login a name is: the rules of `Directory`, over the rows of any backend. */
import { AddressSyntaxError, parseAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import type { AccountRules } from './account-rules.ts';
import type { Account, Lookup } from './directory.ts';
import { nameOf, readAddress } from './directory-names.ts';
import type { DirectoryRows } from './directory-rows.ts';
import type { AccountId } from './types.ts';

/** RFC 5321 §4.5.1 and RFC 2142 §4: every domain has these. */
const ALWAYS = new Set(['postmaster', 'abuse']);
/** More steps than any sane alias takes; a knot is found by remembering what was seen. */
const MOST_STEPS = 1_000;

export function lookup(rows: DirectoryRows, address: Address): Lookup {
  // RFC 5321 §4.5.1: `postmaster` without a domain is ours.
  const domain = (address.domain === '' ? rows.domains()[0]?.name : address.domain.toLowerCase()) ?? '';
  const home = rows.domain(domain);
  if (home === undefined) return { kind: 'foreign' };
  const { localPart } = address;
  const plus = localPart.indexOf('+');
  const base = plus > 0 ? localPart.slice(0, plus) : localPart;
  // RFC 5233: the detail is the part behind the separator.
  const detail = plus > 0 ? localPart.slice(plus + 1) : undefined;
  const { aliasOf } = home;
  const name = { localPart, base, detail };
  if (aliasOf === undefined) return within(rows, name, domain) ?? fallback(rows, base, domain, detail) ?? UNKNOWN;
  // Names before catch-alls, and what stands in the alias domain itself before the other's.
  return (
    within(rows, name, domain) ??
    within(rows, name, aliasOf) ??
    fallback(rows, base, domain, detail) ??
    fallback(rows, base, aliasOf, detail) ??
    UNKNOWN
  );
}

const UNKNOWN: Lookup = { kind: 'unknown' };

interface AskedName {
  readonly localPart: string;
  readonly base: string;
  readonly detail: string | undefined;
}

function within(rows: DirectoryRows, { localPart, base, detail }: AskedName, domain: string): Lookup | undefined {
  return named(rows, localPart, domain) ?? (detail === undefined ? undefined : named(rows, base, domain, detail));
}

/** The account or alias of that very name. */
function named(rows: DirectoryRows, localPart: string, domain: string, detail?: string): Lookup | undefined {
  const name = nameOf(localPart, domain);
  const account = rows.accountByName(name);
  if (account?.state === 'active') return toAccount(account, detail);
  const alias = rows.alias(name);
  return alias && { kind: 'alias', targets: alias.targets.map(readAddress) };
}

/** The catch-all; without one, `postmaster` and `abuse` reach the domain's first account. */
function fallback(rows: DirectoryRows, localPart: string, domain: string, detail?: string): Lookup | undefined {
  const all = rows.alias(`@${domain}`);
  if (all !== undefined) return { kind: 'alias', targets: all.targets.map(readAddress) };
  const first = ALWAYS.has(localPart.toLowerCase()) ? rows.firstAccount(domain) : undefined;
  return first && toAccount(first, detail);
}

function toAccount(account: Account, detail: string | undefined): Lookup {
  const { id, address, forward, moved } = account;
  if (moved !== undefined) return { kind: 'moved', account: id, to: readAddress(moved.to), how: moved.how };
  const found = { kind: 'account' as const, account: id, address: readAddress(address) };
  const rules = activeRules(account);
  return {
    ...found,
    ...(detail !== undefined && { detail }),
    ...(forward && { forward: { targets: forward.targets.map(readAddress), keep: forward.keep } }),
    ...(rules && { rules }),
  };
}

function activeRules({ filters, autoreply, senders }: Account): AccountRules | undefined {
  if (filters === undefined && autoreply === undefined && senders === undefined) return undefined;
  const enabled = filters?.filter((filter) => filter.enabled) ?? [];
  const rules = {
    ...(enabled.length > 0 && { filters: enabled }),
    ...(autoreply?.enabled && { autoreply }),
    ...(senders && { senders }),
  };
  return Object.keys(rules).length > 0 ? rules : undefined;
}

/** The active account behind a login: its address, under an alias domain too, or the local part alone when there is exactly one domain that is none. */
export function loginAccount(rows: DirectoryRows, login: string): Account | undefined {
  const address = loginAddress(rows, login);
  if (address === undefined) return undefined;
  const { localPart, domain } = address;
  const name = nameOf(localPart, domain);
  const account = rows.accountByName(name);
  if (account?.state === 'active') return account;
  // Who has an address of that very name has the mail that comes for it, too.
  const aliasOf = rows.alias(name) === undefined ? rows.domain(domain.toLowerCase())?.aliasOf : undefined;
  const other = aliasOf === undefined ? undefined : rows.accountByName(nameOf(localPart, aliasOf));
  return other?.state === 'active' ? other : undefined;
}

function loginAddress(rows: DirectoryRows, login: string): Address | undefined {
  const text = login.trim();
  const domains = text.includes('@') ? [] : rows.domains().filter(({ aliasOf }) => aliasOf === undefined);
  try {
    return parseAddress(domains.length === 1 ? `${text}@${domains[0]!.name}` : text);
  } catch (error) {
    if (error instanceof AddressSyntaxError) return undefined;
    throw error;
  }
}

/** Does mail to the address reach the account, directly or through aliases? */
export function leadsTo(rows: DirectoryRows, address: Address, account: AccountId): boolean {
  const pending = [address];
  const seen = new Set<string>();
  for (let next = pending.pop(); next !== undefined && seen.size < MOST_STEPS; next = pending.pop()) {
    const name = nameOf(next.localPart, next.domain);
    if (seen.has(name)) continue;
    seen.add(name);
    const found = lookup(rows, next);
    // Who has moved away may still write from here: people's programs follow later.
    if ((found.kind === 'account' || found.kind === 'moved') && found.account === account) return true;
    if (found.kind === 'alias') pending.push(...found.targets);
  }
  return false;
}
