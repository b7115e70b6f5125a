/** Where a recipient's mail goes next, before any name is looked up: recipients with equal keys share transactions, connections and limits. */
import type { Route } from '#config/config.ts';
import type { Address } from '#mail/envelope.ts';

export type Destination =
  /** An account of ours: LMTP to our MDA. */
  | { readonly kind: 'local'; readonly key: string; readonly path: string }
  /** A static route or the smarthost: the admin's word, taken as it is. `login`: the smarthost that we log in at. */
  | { readonly kind: 'route'; readonly key: string; readonly route: Route; readonly login?: true }
  /** MX records decide; or an address literal (RFC 5321 §4.1.3). */
  | { readonly kind: 'domain'; readonly key: string; readonly domain: string };

export interface DestinationRules {
  readonly lmtpPath: string;
  readonly routes: { readonly [domain: string]: Route };
  readonly smarthost?: Route;
  readonly smarthostLogin?: boolean;
  isLocalDomain(domain: string): Promise<boolean>;
}

/** Throws what `isLocalDomain` throws: a directory that is down makes delivery wait. */
export async function destinationOf(address: Address, rules: DestinationRules): Promise<Destination> {
  const domain = address.domain.toLowerCase();
  // RFC 5321 §4.5.1: postmaster without a domain is ours.
  if (domain === '' || (await rules.isLocalDomain(domain))) {
    return { kind: 'local', key: 'local', path: rules.lmtpPath };
  }
  const route = Object.hasOwn(rules.routes, domain) ? rules.routes[domain] : undefined;
  if (route !== undefined) return { kind: 'route', key: formatRoute(route), route };
  const { smarthost, smarthostLogin } = rules;
  if (smarthost !== undefined) {
    const key = formatRoute(smarthost);
    if (smarthostLogin !== true) return { kind: 'route', key, route: smarthost };
    return { kind: 'route', key: `${key} with login`, route: smarthost, login: true };
  }
  return { kind: 'domain', key: domain, domain };
}

/** As it stands in the configuration: `smtp://host:port`, `lmtp://host:port`, `lmtp:path`. */
export function formatRoute(route: Route): string {
  if (route.path !== undefined) return `${route.protocol}:${route.path}`;
  const host = route.host.includes(':') ? `[${route.host}]` : route.host;
  return `${route.protocol}${route.implicitTls === true ? 's' : ''}://${host}:${route.port}`;
}
