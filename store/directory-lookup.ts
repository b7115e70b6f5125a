/** Where mail for an address goes, and whose login a name is: the rules of `Directory`, over the rows of any backend. */
import { AddressSyntaxError, parseAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
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
  if (rows.domain(domain) === undefined) return { kind: 'foreign' };
  const { localPart } = address;
  const exact = named(rows, localPart, domain);
  if (exact !== undefined) return exact;
  const plus = localPart.indexOf('+');
  const base = plus > 0 ? localPart.slice(0, plus) : localPart;
  // RFC 5233: the detail is the part behind the separator.
  const detail = plus > 0 ? localPart.slice(plus + 1) : undefined;
  const detailed = plus > 0 ? named(rows, base, domain, detail) : undefined;
  return detailed ?? fallback(rows, base, domain, detail) ?? { kind: 'unknown' };
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
  return {
    ...found,
    ...(detail !== undefined && { detail }),
    ...(forward && { forward: { targets: forward.targets.map(readAddress), keep: forward.keep } }),
  };
}

/** The active account behind a login: its address, or the local part alone when there is exactly one domain. */
export function loginAccount(rows: DirectoryRows, login: string): Account | undefined {
  const name = loginName(rows, login);
  const account = name === undefined ? undefined : rows.accountByName(name);
  return account?.state === 'active' ? account : undefined;
}

function loginName(rows: DirectoryRows, login: string): string | undefined {
  const text = login.trim();
  const domains = text.includes('@') ? [] : rows.domains();
  try {
    const { localPart, domain } = parseAddress(domains.length === 1 ? `${text}@${domains[0]!.name}` : text);
    return nameOf(localPart, domain);
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
