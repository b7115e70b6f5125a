/** Which peers the demo runs, where, and for whom: pure. */
import { join, resolve } from 'node:path';
import { UsageError } from '../cli/output.ts';

export interface DemoPeer {
  readonly domain: string;
  readonly hostname: string;
  /** Peer i listens on 127.0.0.i. */
  readonly host: string;
  readonly portBase: number;
  readonly data: string;
  readonly config: string;
  readonly dns: { readonly host: string; readonly port: number };
  readonly users: readonly string[];
}

export const DNS_HOST = '127.0.0.1';

/** Two people a domain, in the order of the domains. */
const people = ['alice', 'carol', 'bob', 'dave', 'erin', 'frank', 'grace', 'heidi', 'ivan', 'judy', 'mallory', 'niaj'];

/** @throws UsageError when the list of domains makes no sense. */
export function planPeers(options: { data: string; domains: string; portBase: number }): DemoPeer[] {
  const domains = options.domains.split(',').map((domain) => domain.trim().toLowerCase());
  for (const domain of domains) {
    if (!/^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/.test(domain)) {
      throw new UsageError(`--domains: ${JSON.stringify(domain)} is not a domain name`);
    }
  }
  if (new Set(domains).size !== domains.length) throw new UsageError('--domains: a domain stands there twice');
  if (domains.length > 200) throw new UsageError('--domains: at most 200');
  return domains.map((domain, i) => {
    const data = join(resolve(options.data), domain);
    return {
      domain,
      hostname: `mx.${domain}`,
      host: `127.0.0.${i + 1}`,
      portBase: options.portBase,
      data,
      config: join(data, 'peerpost.toml'),
      dns: { host: DNS_HOST, port: options.portBase + 53 },
      users: [2 * i, 2 * i + 1].map((n) => `${people[n] ?? `user${n + 1}`}@${domain}`),
    };
  });
}
