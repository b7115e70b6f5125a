/** The text of a new peer's configuration, as `peerpost init` writes it into its data folder. */
import type { Endpoint } from './config.ts';
import { formatEndpoint } from './kinds.ts';
import { PROTOCOL_NAMES, PROTOCOLS } from './protocols.ts';

export interface InitialOptions {
  readonly domain: string;
  /** `mail.DOMAIN` when not given. */
  readonly hostname?: string;
  /** Address to listen on: by default all (`*`), with a port base 127.0.0.1. */
  readonly listen?: string;
  /** Each protocol listens on its standard port plus this. */
  readonly portBase?: number;
  /** What the demo and tests set: resolvers, the port of other peers, and that they are on this host. */
  readonly dnsServers?: readonly Endpoint[];
  readonly deliveryPort?: number;
  readonly allowLoopback?: boolean;
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
}

export function initialConfig(options: InitialOptions): string {
  const { domain, portBase } = options;
  const host = options.listen ?? (portBase === undefined ? '*' : '127.0.0.1');
  const listeners = PROTOCOL_NAMES.map((protocol) => {
    const { port, program } = PROTOCOLS[protocol];
    // LMTP has no authentication: over TCP only where ports are shifted, on loopback; the Unix socket is always there.
    const off = program === undefined || (protocol === 'lmtp' && portBase === undefined);
    // Nor have figures: on loopback, unless an address is asked for.
    const at = protocol === 'metrics' && host === '*' ? '127.0.0.1' : host;
    return `${protocol} = ${off ? '"off"' : quoted({ host: at, port: (portBase ?? 0) + port })}`;
  });
  const sections = [
    section('dns', options.dnsServers && [`servers = [${options.dnsServers.map(quoted).join(', ')}]`]),
    section('listeners', listeners),
    section('delivery', [
      ...(options.deliveryPort === undefined ? [] : [`port = ${options.deliveryPort}`]),
      ...(options.allowLoopback === undefined ? [] : [`allow-loopback = ${options.allowLoopback}`]),
    ]),
    section('log', options.logLevel && [`level = ${JSON.stringify(options.logLevel)}`]),
  ];
  return [
    `# Peerpost, the peer of ${domain}. config/reference.md and config/example.toml explain every key.`,
    `hostname = ${JSON.stringify(options.hostname ?? `mail.${domain}`)}`,
    '# The folder of this file holds the data.',
    'data = "."',
    ...sections.flat(),
    '',
    '# Without these a self-signed certificate is made in the data folder.',
    '# [tls]',
    '# certificate = "/etc/letsencrypt/live/NAME/fullchain.pem"',
    '# key = "/etc/letsencrypt/live/NAME/privkey.pem"',
    '',
  ].join('\n');
}

function section(name: string, lines: readonly string[] | string | undefined): string[] {
  return Array.isArray(lines) && lines.length > 0 ? ['', `[${name}]`, ...lines] : [];
}

function quoted(endpoint: Endpoint): string {
  return JSON.stringify(formatEndpoint(endpoint));
}
