/** Addresses of hosts: both families by turns, capped, and none that leads back here. */
import { isIP } from 'node:net';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import { canonicalAddress, embeddedAddresses, networkMatcher } from '#runtime/address.ts';
import type { Resolver } from '#runtime/dns/resolver.ts';
import { dnsTrouble } from './mx.ts';

/** Somebody who publishes hundreds of addresses must not keep us busy for hours; one dead host must not use up the share of the next. */
const PER_HOST = 4;
const IN_ALL = 8;

// Link-local addresses, where clouds keep their secrets, are in no public DNS for a good reason either.
const near = networkMatcher(['127.0.0.0/8', '::1', '169.254.0.0/16', 'fe80::/10']);
// "This network", multicast and broadcast are never a mail host.
const impossible = networkMatcher(['0.0.0.0/8', '::', '224.0.0.0/4', '240.0.0.0/4', 'ff00::/8']);

export interface AddressOptions {
  readonly resolver: Resolver;
  /** `config.delivery.allowLoopback`: this host and loopback are fine. */
  readonly allowLoopback: boolean;
  /** Canonical addresses of this host. */
  readonly ownAddresses: ReadonlySet<string>;
}

export interface HostAddress {
  /** The name as the MX record or the route has it. */
  readonly host: string;
  readonly address: string;
}

export type AddressList =
  | { readonly kind: 'addresses'; readonly addresses: readonly HostAddress[] }
  | { readonly kind: 'failed'; readonly reply: Reply };

/** Looks hosts up in their order until enough addresses are known. Fails only when there is none at all. */
export async function addressesOf(hosts: readonly string[], options: AddressOptions): Promise<AddressList> {
  const addresses: HostAddress[] = [];
  let refused = false;
  let trouble: Reply | undefined;
  for (const host of hosts) {
    const found = await lookUp(host, options.resolver);
    trouble ??= found.trouble;
    const allowed = found.addresses.filter((address) => isAllowed(address, options));
    refused ||= allowed.length < found.addresses.length;
    addresses.push(...allowed.slice(0, PER_HOST).map((address) => ({ host, address })));
    if (addresses.length >= IN_ALL) break;
  }
  if (addresses.length > 0) return { kind: 'addresses', addresses: addresses.slice(0, IN_ALL) };
  const names = hosts.slice(0, 3).join(', ');
  if (trouble !== undefined) return { kind: 'failed', reply: trouble };
  if (refused) return { kind: 'failed', reply: reply(554, '4.6', `${names} leads back to this host or to loopback`) };
  return { kind: 'failed', reply: reply(550, '4.4', `No address for ${names}`) };
}

/** What an IPv6 address wraps (6to4, Teredo, NAT64 …) must be allowed too, or it would be a way round. */
export function isAllowed(address: string, options: Omit<AddressOptions, 'resolver'>): boolean {
  return [address, ...embeddedAddresses(address)].every((each) => isAllowedItself(each, options));
}

function isAllowedItself(address: string, options: Omit<AddressOptions, 'resolver'>): boolean {
  if (impossible(address)) return false;
  return options.allowLoopback || !(near(address) || options.ownAddresses.has(canonicalAddress(address)));
}

/** A name that is an address already needs no look-up (an MX record may not be one, but some are). */
async function lookUp(host: string, resolver: Resolver): Promise<{ addresses: readonly string[]; trouble?: Reply }> {
  if (isIP(host) !== 0) return { addresses: [host] };
  if (host === 'localhost') return { addresses: ['127.0.0.1', '::1'] };
  const [v6, v4] = await Promise.allSettled([resolver.aaaa(host), resolver.a(host)]);
  const addresses = interleave(
    v6.status === 'fulfilled' ? v6.value.records : [],
    v4.status === 'fulfilled' ? v4.value.records : [],
  );
  const broken = [v6, v4].find((settled) => settled.status === 'rejected');
  return broken === undefined ? { addresses } : { addresses, trouble: dnsTrouble(host, broken.reason) };
}

/** RFC 3974 §3, RFC 8305 §4 in spirit: a family that doesn't work here costs every other try, not all of them. */
export function interleave(first: readonly string[], second: readonly string[]): string[] {
  const mixed: string[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    for (const address of [first[i], second[i]]) if (address !== undefined) mixed.push(address);
  }
  return mixed;
}
