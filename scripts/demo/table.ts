/** The demo's summary for people: addresses, ports, users, and how to point a client at it. */
import { table } from '../cli/output.ts';
import type { PeerSummary } from './peer.ts';

export interface DemoSummary {
  readonly dns: { readonly host: string; readonly port: number };
  readonly peers: readonly PeerSummary[];
}

const tcp = (peer: PeerSummary) => peer.listeners.flatMap((l) => ('port' in l ? [l] : []));

export function describeTable(summary: DemoSummary): string {
  const blocks = summary.peers.map((peer) => {
    const listeners = tcp(peer).map((l) => [
      `  ${l.protocol}`,
      `${l.host}:${l.port}`,
      l.tls === 'implicit' ? 'TLS' : l.tls === 'starttls' ? 'STARTTLS' : 'no TLS',
    ]);
    const users = peer.users.map((u) => [`  ${u.address}`, u.password]);
    return `${peer.domain}\n${table(['  PROTOCOL', 'ADDRESS', 'SECURITY'], listeners)}\n${table(['  USER', 'PASSWORD'], users)}\n`;
  });
  const [first, second] = summary.peers;
  const from = first?.users[0];
  const to = (second ?? first)?.users.at(second ? 0 : 1);
  const port = (protocol: string) => first && tcp(first).find((l) => l.protocol === protocol);
  const imaps = port('imaps');
  const submissions = port('submissions');
  // Browsers refuse some ports, 10080 of http among them (Fetch, port blocking).
  const https = port('https');
  return `
Peerpost is up. ${summary.peers.length} ${summary.peers.length === 1 ? 'peer' : 'peers'}, names served by DNS at ${summary.dns.host}:${summary.dns.port}.

${blocks.join('\n')}
Point a mail client at a peer, for example ${from?.address ?? ''}:
  incoming  IMAP  ${imaps?.host}:${imaps?.port}  SSL/TLS, user name = address, accept the self-made certificate
  outgoing  SMTP  ${submissions?.host}:${submissions?.port}  SSL/TLS, the same user and password
and write to ${to?.address ?? ''}. Or from a shell:
  printf 'From: ${from?.address}\\r\\nTo: ${to?.address}\\r\\nSubject: hello\\r\\n\\r\\nhello\\r\\n' | curl -sk --ssl-reqd smtps://${submissions?.host}:${submissions?.port} \\
    --user '${from?.address}:${from?.password}' --mail-from ${from?.address} --mail-rcpt ${to?.address} -T -

In a browser: https://${https?.host}:${https?.port}/ with the same self-made certificate; /api/docs for programs; /admin for those who may:
  scripts/peerpost account admin ${from?.address} on --config ${first?.config}

Ctrl-C stops everything; the mail stays.
`;
}
