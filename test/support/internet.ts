/** Several peers and a DNS responder that holds their MX records: a small internet on loopback for one test. */
import { startDnsResponder } from '#runtime/dns/responder.ts';
import { zonesOf } from '#runtime/dns/zones.ts';
import { loopbackAddress, PORT_BASE, startTestPeer, type TestPeer } from './system.ts';

export interface Internet {
  readonly peers: ReadonlyMap<string, TestPeer>;
  peer(domain: string): TestPeer;
  readonly dns: string;
  close(): Promise<void>;
}

export interface InternetOptions {
  readonly domains: { readonly [domain: string]: readonly string[] };
  /** Hosts of others: domain to address, for foreign peers. */
  readonly foreign?: { readonly [domain: string]: string };
  /** Further domains whose MX is a peer's: domain to the peer's own. */
  readonly also?: { readonly [domain: string]: string };
  readonly toml?: string;
}

export async function startInternet(options: InternetOptions): Promise<Internet> {
  const hosts = new Map(Object.keys(options.domains).map((domain) => [domain, loopbackAddress()]));
  for (const [domain, address] of Object.entries(options.foreign ?? {})) hosts.set(domain, address);
  for (const [domain, of] of Object.entries(options.also ?? {})) hosts.set(domain, hosts.get(of) as string);
  const responder = await startDnsResponder({ host: loopbackAddress(), port: PORT_BASE + 53, zones: zonesOf(hosts) });
  const dns = `${responder.address.host}:${responder.address.port}`;
  const peers = new Map<string, TestPeer>();
  const close = async (): Promise<void> => {
    await Promise.all([...peers.values()].map((peer) => peer.close()));
    await responder.close();
  };
  try {
    await Promise.all(
      Object.entries(options.domains).map(async ([domain, users]) => {
        const host = hosts.get(domain);
        const toml = options.toml === undefined ? {} : { toml: options.toml };
        if (host !== undefined) peers.set(domain, await startTestPeer({ domain, host, users, dns, ...toml }));
      }),
    );
  } catch (error) {
    await close();
    throw error;
  }
  return {
    peers,
    dns,
    close,
    peer(domain) {
      const peer = peers.get(domain);
      if (peer === undefined) throw new Error(`no peer for ${domain}`);
      return peer;
    },
  };
}
