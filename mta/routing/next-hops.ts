/** From a destination to the sockets to try, in order. */
import { isIPv6 } from 'node:net';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import type { Target } from '#runtime/connect.ts';
import { type AddressOptions, addressesOf, type HostAddress } from './addresses.ts';
import type { Destination } from './destination.ts';
import { type MxOptions, mailHosts } from './mx.ts';

export interface NextHop {
  readonly protocol: 'smtp' | 'lmtp';
  /** For logs and for the server name in TLS. */
  readonly host: string;
  readonly target: Target;
  /** Over verified TLS only, and with our login at the smarthost. */
  readonly login?: true;
  readonly implicitTls?: true;
}

export type NextHops =
  | { readonly kind: 'hops'; readonly hops: readonly NextHop[] }
  | { readonly kind: 'failed'; readonly reply: Reply };

export interface RoutingOptions extends MxOptions, AddressOptions {
  /** `config.delivery.port`: where MX hosts listen. */
  readonly port: number;
}

export async function nextHops(destination: Destination, options: RoutingOptions): Promise<NextHops> {
  switch (destination.kind) {
    case 'local':
      return hops('lmtp', { path: destination.path });
    case 'route': {
      const { login, route } = destination;
      const { protocol, host, port, path, implicitTls } = route;
      if (path !== undefined) return hops(protocol, { path });
      // The admin chose this host: it may well be this one, on another port.
      return toHops(await addressesOf([host], { ...options, allowLoopback: true }), protocol, port, {
        ...(login && { login }),
        ...(implicitTls && { implicitTls }),
      });
    }
    case 'domain': {
      const hosts = destination.domain.startsWith('[')
        ? fromLiteral(destination.domain)
        : await mailHosts(destination.domain, options);
      if (hosts.kind === 'failed') return hosts;
      return toHops(await addressesOf(hosts.hosts, options), 'smtp', options.port);
    }
    default:
      return destination satisfies never;
  }
}

/** RFC 5321 §4.1.3. */
function fromLiteral(literal: string): Awaited<ReturnType<typeof mailHosts>> {
  const inner = literal.slice(1, -1);
  const host = inner.replace(/^IPv6:/i, '');
  if (/^\d+(\.\d+){3}$/.test(host) || isIPv6(host)) return { kind: 'hosts', hosts: [host], implicit: true };
  return { kind: 'failed', reply: reply(550, '1.2', `Cannot deliver to ${literal}`) };
}

function hops(protocol: NextHop['protocol'], target: { readonly path: string }): NextHops {
  return { kind: 'hops', hops: [{ protocol, host: target.path, target }] };
}

function toHops(
  list: Awaited<ReturnType<typeof addressesOf>>,
  protocol: NextHop['protocol'],
  port: number,
  how: Pick<NextHop, 'login' | 'implicitTls'> = {},
): NextHops {
  if (list.kind === 'failed') return list;
  const toHop = ({ host, address }: HostAddress): NextHop => ({
    protocol,
    host,
    target: { host: address, port },
    ...how,
  });
  return { kind: 'hops', hops: list.addresses.map(toHop) };
}
