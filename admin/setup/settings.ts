/**
 * What a mail program must know to reach this peer, for one domain and, where it matters, one address: taken from the configuration's listeners, so that
 * only what is served is ever offered. Everything in this room is rendered from it.
 */
import type { Config, Endpoint } from '#config/config.ts';
import { PROTOCOLS } from '#config/protocols.ts';
import { formatAddress, parseAddress, parseDomain } from '#mail/address.ts';
import { isLoopback } from '#runtime/address.ts';

export type ClientProtocol = 'imaps' | 'imap' | 'pop3s' | 'pop3' | 'submissions' | 'submission';

export interface ClientServer {
  readonly protocol: ClientProtocol;
  readonly host: string;
  readonly port: number;
  /** `tls`: from the first octet. Without TLS nothing is ever offered. */
  readonly security: 'tls' | 'starttls';
}

export interface ClientSettings {
  /** In A-labels and lower case. */
  readonly domain: string;
  /** The whole of it is the user's name. */
  readonly address?: string;
  /** The name of this host, which its certificate is for. */
  readonly hostname: string;
  /** The best first (RFC 8314 §3: TLS from the start before STARTTLS; mailboxes before mere collection). */
  readonly incoming: readonly ClientServer[];
  readonly outgoing: readonly ClientServer[];
  /** Ports of the web that serves what this room renders. */
  readonly web: { readonly https?: number; readonly http?: number };
}

const INCOMING = ['imaps', 'imap', 'pop3s', 'pop3'] as const satisfies readonly ClientProtocol[];
const OUTGOING = ['submissions', 'submission'] as const satisfies readonly ClientProtocol[];
type Offered = (typeof INCOMING)[number] | (typeof OUTGOING)[number] | 'https' | 'http';

export type SettingsConfig = Pick<Config, 'hostname' | 'listeners' | 'rest'>;

/** Throws `AddressSyntaxError` when `domain` is no domain name. */
export function domainSettings(config: SettingsConfig, domain: string): ClientSettings {
  const port = offeredPorts(config);
  const server = (protocol: ClientProtocol): ClientServer[] => {
    const offered = port(protocol);
    if (offered === undefined) return [];
    const security = PROTOCOLS[protocol].tls === 'implicit' ? 'tls' : 'starttls';
    return [{ protocol, host: config.hostname, port: offered, security }];
  };
  const http = port('http');
  const https = port('https') ?? proxiedPort(config);
  return {
    domain: parseDomain(domain),
    hostname: config.hostname,
    incoming: INCOMING.flatMap(server),
    outgoing: OUTGOING.flatMap(server),
    web: { ...(https === undefined ? {} : { https }), ...(http === undefined ? {} : { http }) },
  };
}

/** The same for one address. Throws `AddressSyntaxError` when it is none, or when its domain is an address literal. */
export function addressSettings(config: SettingsConfig, address: string): ClientSettings {
  const parsed = parseAddress(address);
  return { ...domainSettings(config, parsed.domain), address: formatAddress(parsed) };
}

/**
 * The port of each protocol: the standard one where it is among several. Listeners on loopback are for neighbours on this host (a proxy, scripts), so
 * they count only where everything is on loopback: a peer under development.
 */
function offeredPorts({ listeners }: SettingsConfig): (protocol: Offered) => number | undefined {
  const fromOutside = ({ host }: Endpoint) => !isLoopback(host);
  const development = ![...INCOMING, ...OUTGOING].some((protocol) => listeners[protocol].some(fromOutside));
  return (protocol) => {
    const ports = listeners[protocol].filter((at) => development || fromOutside(at)).map((at) => at.port);
    return ports.includes(PROTOCOLS[protocol].port) ? PROTOCOLS[protocol].port : ports[0];
  };
}

/** A reverse proxy that is trusted stands in front of the web, on https and its standard port. */
function proxiedPort({ listeners, rest }: SettingsConfig): number | undefined {
  const served = listeners.http.length + listeners.https.length > 0;
  return served && rest.trustedProxies.length > 0 ? PROTOCOLS.https.port : undefined;
}

/** `https://host[:port]` where these settings are served, for links that people follow; `http` only where there is nothing else. */
export function webBase({ hostname, web }: ClientSettings): string | undefined {
  if (web.https !== undefined) return `https://${hostname}${web.https === PROTOCOLS.https.port ? '' : `:${web.https}`}`;
  if (web.http !== undefined) return `http://${hostname}${web.http === PROTOCOLS.http.port ? '' : `:${web.http}`}`;
  return undefined;
}

/** Where a phone gets its profile. */
export function profileLink(settings: ClientSettings): string | undefined {
  const base = webBase(settings);
  if (base === undefined || settings.address === undefined) return undefined;
  return `${base}${PROFILE_PATH}?address=${encodeURIComponent(settings.address)}`;
}

export const PROFILE_PATH = '/setup/mobileconfig';
