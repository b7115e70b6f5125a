/** The demo's DNS: MX and address records of all peers, on loopback. */
import { type DnsResponder, startDnsResponder } from '#runtime/dns/responder.ts';
import { zonesOf } from '#runtime/dns/zones.ts';
import { type DemoPeer, DNS_HOST } from './plan.ts';

/** @throws Error that names the port when it is taken. */
export async function startDns(peers: readonly DemoPeer[], portBase: number): Promise<DnsResponder> {
  const zones = zonesOf(new Map(peers.map(({ domain, host }) => [domain, host])));
  return await startDnsResponder({ host: DNS_HOST, port: portBase + 53, zones });
}
