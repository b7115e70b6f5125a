/** Zones of a small authoritative server, as data: for the demo and for tests. */
import { reverseName } from './names.ts';

export type ZoneRecord =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'MX'; readonly preference: number; readonly exchange: string }
  | { readonly type: 'TXT'; readonly text: string }
  | { readonly type: 'PTR' | 'CNAME'; readonly name: string };

/** Names are lower case without a final dot; the null MX (RFC 7505) has an empty exchange. */
export interface Zone {
  readonly origin: string;
  readonly records: { readonly [owner: string]: readonly ZoneRecord[] };
  /** Seconds; 60 when not given. Negative answers live as long. */
  readonly ttl?: number;
}

/** For each domain: an MX `mx.DOMAIN` at the address, and the name that belongs to the address. */
export function zonesOf(peers: ReadonlyMap<string, string>): Zone[] {
  const reverse: Record<string, ZoneRecord[]> = {};
  const zones = [...peers].map(([domain, address]): Zone => {
    const host = `mx.${domain}`;
    reverse[reverseName(address)] = [{ type: 'PTR', name: host }];
    return {
      origin: domain,
      records: {
        [domain]: [{ type: 'MX', preference: 10, exchange: host }],
        [host]: [{ type: address.includes(':') ? 'AAAA' : 'A', address }],
      },
    };
  });
  return [...zones, { origin: 'in-addr.arpa', records: reverse }, { origin: 'ip6.arpa', records: reverse }];
}
