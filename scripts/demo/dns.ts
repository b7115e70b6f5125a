/** The demo's DNS: MX and address records of all peers, on loopback. */
import { type DnsResponder, startDnsResponder } from '#runtime/dns/responder.ts';
import { zonesOf } from '#runtime/dns/zones.ts';
import { type DemoPeer, DNS_HOST } from './plan.ts';

/** @throws Error that names the port when it is taken, and the way out. */
export async function startDns(peers: readonly DemoPeer[], portBase: number): Promise<DnsResponder> {
  const zones = zonesOf(new Map(peers.map(({ domain, host }) => [domain, host])));
  const port = portBase + 53;
  try {
    return await startDnsResponder({ host: DNS_HOST, port, zones });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(
      `cannot listen on ${DNS_HOST}:${port} (the demo's DNS): the port is taken by another program, perhaps another demo; stop it (\`ss -lntup\` shows which it is), or choose other ports with --port-base`,
      { cause: error },
    );
  }
}
