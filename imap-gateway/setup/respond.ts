/**
 * What is answered to programs that look for their settings: a function of the request, the configuration and the names of our domains. It never looks
 * at accounts, so it cannot tell who exists.
 */
import { AUTOCONFIG_TYPE, renderAutoconfig } from '#admin/setup/autoconfig.ts';
import {
  AUTODISCOVER_TYPE,
  readAutodiscoverRequest,
  renderAutodiscover,
  renderAutodiscoverError,
  renderAutodiscoverJson,
} from '#admin/setup/autodiscover.ts';
import { PROFILE_TYPE, renderMobileconfig } from '#admin/setup/mobileconfig.ts';
import { PACC_PATH, renderPacc } from '#admin/setup/pacc.ts';
import {
  addressSettings,
  type ClientSettings,
  domainSettings,
  PROFILE_PATH,
  type SettingsConfig,
} from '#admin/setup/settings.ts';
import { parseAddress, parseDomain } from '#mail/address.ts';

export interface SetupRequest {
  readonly method: string;
  /** Lower case, without a port. */
  readonly host: string;
  /** As sent, without the query. */
  readonly path: string;
  readonly query: string;
  /** Over TLS, or from this host. */
  readonly secure: boolean;
  /** Bounded by whoever read it. */
  readonly body: string;
}

export interface SetupResponse {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
}

export interface SetupServices {
  readonly config: SettingsConfig;
  isLocalDomain(domain: string): Promise<boolean>;
  /** Milliseconds since 1970. */
  now(): number;
}

type Route = (request: SetupRequest, services: SetupServices) => Promise<SetupResponse>;

/** The settings change with the configuration alone: an hour is as long as the DNS records live. */
const PUBLIC = { 'Cache-Control': 'public, max-age=3600' };
const ANEW = { 'Cache-Control': 'no-store' };

function answer(
  status: number,
  type: string,
  body: string,
  caching: { readonly [name: string]: string },
): SetupResponse {
  return { status, headers: { 'Content-Type': type, 'X-Content-Type-Options': 'nosniff', ...caching }, body };
}

const FOREIGN = 'Not a domain of this host.';
/** For admins who look why: one of our domains, and nothing to say of it in this form. */
const UNEXPRESSED =
  'This host offers nothing that can be said in this form; `peerpost domain dns` says what is missing.';

const notFound = (why = FOREIGN): SetupResponse => answer(404, 'text/plain; charset=utf-8', `${why}\n`, ANEW);

/** Whether a path is one of ours; `/autodiscover/…` comes in any letter case. */
export function setupRoute(path: string): { readonly methods: readonly string[]; readonly clear: boolean } | undefined {
  const found = routeOf(path);
  return found && { methods: found.methods, clear: found.clear };
}

/** Never throws for anything in the request. */
export async function respond(request: SetupRequest, services: SetupServices): Promise<SetupResponse | undefined> {
  const route = routeOf(request.path);
  if (route === undefined) return undefined;
  if (!route.methods.includes(request.method)) {
    const refused = answer(405, 'text/plain; charset=utf-8', 'Method not allowed.\n', ANEW);
    return { ...refused, headers: { ...refused.headers, Allow: route.methods.join(', ') } };
  }
  return await route.run(request, services);
}

interface RouteInfo {
  readonly methods: readonly string[];
  /** Answered without TLS too: Autoconfig's legacy location, which clients fall back on, and Autodiscover's, which only leads to https. */
  readonly clear: boolean;
  readonly run: Route;
}

const READ = ['GET', 'HEAD'];

function routeOf(path: string): RouteInfo | undefined {
  if (path === '/mail/config-v1.1.xml' || path === '/.well-known/autoconfig/mail/config-v1.1.xml')
    return { methods: READ, clear: true, run: autoconfig };
  if (path === PACC_PATH) return { methods: READ, clear: false, run: pacc };
  if (path === PROFILE_PATH) return { methods: READ, clear: false, run: mobileconfig };
  const lower = path.toLowerCase();
  if (lower === '/autodiscover/autodiscover.xml') return { methods: [...READ, 'POST'], clear: true, run: autodiscover };
  if (/^\/autodiscover\/autodiscover\.json(?:\/v1\.0\/[^/]*)?$/.test(lower))
    return { methods: READ, clear: false, run: autodiscoverJson };
  return undefined;
}

async function autoconfig({ host, query }: SetupRequest, services: SetupServices): Promise<SetupResponse> {
  const domain = domainOf(parameter(query, 'emailaddress')) ?? underPrefix(host, 'autoconfig.') ?? host;
  const settings = await ourDomain(domain, services);
  // Without both there is nothing that a program could set up.
  if (settings === undefined) return notFound();
  if (settings.incoming.length === 0 || settings.outgoing.length === 0) return notFound(UNEXPRESSED);
  return answer(200, AUTOCONFIG_TYPE, renderAutoconfig(settings), PUBLIC);
}

async function pacc({ host }: SetupRequest, services: SetupServices): Promise<SetupResponse> {
  const domain = underPrefix(host, 'ua-auto-config.');
  const settings = domain === undefined ? undefined : await ourDomain(domain, services);
  if (settings === undefined) return notFound();
  const body = renderPacc(settings);
  return body === undefined ? notFound(UNEXPRESSED) : answer(200, 'application/json', body, PUBLIC);
}

async function mobileconfig({ query }: SetupRequest, services: SetupServices): Promise<SetupResponse> {
  const address = parameter(query, 'address');
  if (address === undefined) return notFound('Whose? Ask with ?address=you@example.org behind the path.');
  const settings = await ourAddress(address, services);
  if (settings === undefined) return notFound();
  const body = renderMobileconfig(settings);
  if (body === undefined) return notFound(UNEXPRESSED);
  const response = answer(200, PROFILE_TYPE, body, ANEW);
  const disposition = 'attachment; filename="mail.mobileconfig"';
  return { ...response, headers: { ...response.headers, 'Content-Disposition': disposition } };
}

async function autodiscover(request: SetupRequest, services: SetupServices): Promise<SetupResponse> {
  const refuse = (code: 600 | 601) =>
    answer(200, AUTODISCOVER_TYPE, renderAutodiscoverError(code, services.now()), ANEW);
  if (!request.secure) return await leadToHttps(request, services);
  let address = parameter(request.query, 'email') ?? parameter(request.query, 'emailaddress');
  if (request.method === 'POST') {
    const read = readAutodiscoverRequest(request.body);
    if (!read.ok) return refuse(read.code);
    address = read.address;
  }
  if (address === undefined || domainOf(address) === undefined) return refuse(600);
  const settings = await ourAddress(address, services);
  return settings === undefined ? notFound() : answer(200, AUTODISCOVER_TYPE, renderAutodiscover(settings), ANEW);
}

/** Outlook asks http for a redirect, of just this kind ([MS-OXDISCO] §3.1.5.4); what is posted there may hold a password. */
async function leadToHttps({ method, host, path }: SetupRequest, services: SetupServices): Promise<SetupResponse> {
  const under = underPrefix(host, 'autodiscover.');
  const settings = await ourDomain(under ?? host, services);
  const port = settings?.web.https;
  if (settings === undefined || port === undefined) return notFound();
  if (method === 'POST') return answer(403, 'text/plain; charset=utf-8', 'Only over https.\n', ANEW);
  // Of the request only what is known to be ours goes into the header.
  const name = under === undefined ? settings.domain : `autodiscover.${settings.domain}`;
  const response = answer(302, 'text/plain; charset=utf-8', 'Over https.\n', ANEW);
  return {
    ...response,
    headers: { ...response.headers, Location: `https://${name}${port === 443 ? '' : `:${port}`}${path}` },
  };
}

async function autodiscoverJson({ host, path, query }: SetupRequest, services: SetupServices): Promise<SetupResponse> {
  const inPath = /\/v1\.0\/([^/]+)$/i.exec(path)?.[1];
  const domain = domainOf(inPath === undefined ? parameter(query, 'email') : decoded(inPath));
  const settings = domain === undefined ? undefined : await ourDomain(domain, services);
  if (settings === undefined) return notFound();
  // The name that was asked has a certificate that the client takes, or it would not be here.
  const port = settings.web.https ?? 443;
  const name = host === '' ? services.config.hostname : host;
  const url = `https://${name}${port === 443 ? '' : `:${port}`}/autodiscover/autodiscover.xml`;
  const { found, body } = renderAutodiscoverJson(parameter(query, 'protocol') ?? '', url);
  return answer(found ? 200 : 400, 'application/json', body, ANEW);
}

/** Names in any letter case, as these clients write them. */
function parameter(query: string, name: string): string | undefined {
  for (const [key, value] of new URLSearchParams(query)) if (key.toLowerCase() === name && value !== '') return value;
  return undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const underPrefix = (host: string, prefix: string): string | undefined =>
  host.startsWith(prefix) ? host.slice(prefix.length) : undefined;

/** Undefined for what is no address, as a placeholder that was not filled in. */
function domainOf(address: string | undefined): string | undefined {
  try {
    return address === undefined ? undefined : parseAddress(address).domain;
  } catch {
    return undefined;
  }
}

async function ourDomain(domain: string, services: SetupServices): Promise<ClientSettings | undefined> {
  let name: string;
  try {
    name = parseDomain(domain);
  } catch {
    return undefined;
  }
  return (await services.isLocalDomain(name)) ? domainSettings(services.config, name) : undefined;
}

async function ourAddress(address: string | undefined, services: SetupServices): Promise<ClientSettings | undefined> {
  const domain = domainOf(address);
  if (address === undefined || domain === undefined) return undefined;
  return (await ourDomain(domain, services)) && addressSettings(services.config, address);
}
