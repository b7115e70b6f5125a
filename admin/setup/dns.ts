/**
 * The records that make a domain work with this peer, as far as it goes today: MX, where clients find it (SRV, names of well-known hosts, PACC's digest),
 * the keys that its mail is signed with, and what is honest to say about who sends for it.
 */
import type { Config } from '#config/config.ts';
import { PROTOCOLS } from '#config/protocols.ts';
import { isLoopback } from '#runtime/address.ts';
import { paccDigest, renderPacc } from './pacc.ts';
import { type ClientProtocol, type ClientSettings, domainSettings } from './settings.ts';

export type DnsConfig = Pick<Config, 'hostname' | 'listeners' | 'delivery' | 'rest'>;

export interface DnsRecord {
  /** Absolute, without the final dot. */
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'MX' | 'SRV' | 'TXT';
  /** Seconds. */
  readonly ttl: number;
  /** MX and SRV. */
  readonly priority?: number;
  readonly weight?: number;
  readonly port?: number;
  /** A host name without the final dot (`.` itself: not offered), an address, or the text of a TXT record, unquoted. */
  readonly value: string;
  readonly purpose: string;
}

export interface DomainRecords {
  readonly domain: string;
  readonly records: readonly DnsRecord[];
  /** What records can't say. */
  readonly notes: readonly string[];
  /** Host names that people's programs reach over https: the certificate must hold them all. */
  readonly certificateNames: readonly string[];
}

/** Of the keys that its mail is signed with (`admin/dkim.ts`). */
export interface DkimRecords {
  readonly signs: boolean;
  readonly records: readonly { readonly name: string; readonly value: string }[];
  readonly notes: readonly string[];
}

const NO_KEYS: DkimRecords = { signs: false, records: [], notes: [] };
const TTL = 3600;
type Unsaid = Omit<DnsRecord, 'ttl' | 'purpose'>;

/** `addresses`: those that this host is known to have on the Internet. Throws `AddressSyntaxError` when `domain` is no domain name. */
export function domainRecords(
  config: DnsConfig,
  name: string,
  addresses: readonly string[] = [],
  dkim = NO_KEYS,
): DomainRecords {
  const settings = domainSettings(config, name);
  const notes: string[] = [];
  const records: DnsRecord[] = [];
  const add = (purpose: string, wanted: readonly Unsaid[]) =>
    records.push(...wanted.map((record) => ({ ...record, ttl: TTL, purpose })));
  add('this host', hostAddresses(config, settings.domain, addresses, notes));
  add('mail to the domain comes here', mailExchanger(config, settings.domain, notes));
  add(
    'programs find the servers (RFC 6186, RFC 8314 §5.1); a target of "." says that there is none',
    services(settings),
  );
  const names = webNames(settings, notes);
  add('programs find their settings', names);
  add('Autodiscover, at a name that the certificate has anyway', autodiscoverService(settings));
  add('the digest of the settings at ua-auto-config (PACC): it changes when they do', digest(settings, names));
  add(
    'suggested: mail of the domain leaves from this host alone; -all once you are sure that nothing else sends',
    senderPolicy(config, settings.domain, notes),
  );
  add(
    'the keys that outgoing mail is signed with (DKIM); old ones stay while what they signed is under way',
    dkim.records.map((record) => ({ ...record, type: 'TXT' })),
  );
  const policy = dkim.signs
    ? 'suggested: p=quarantine, then p=reject, once you are sure that all mail of the domain is signed here'
    : 'suggested: outgoing mail is not signed (DKIM) yet, so a stricter policy would lose what others forward';
  add(policy, [{ name: `_dmarc.${settings.domain}`, type: 'TXT', value: 'v=DMARC1; p=none' }]);
  notes.push(...dkim.notes);
  notes.push(`reverse DNS: each address of ${config.hostname} must point back to it, or other peers refuse its mail`);
  const certificateNames = [config.hostname, ...names.map((record) => record.name)];
  return { domain: settings.domain, records, notes, certificateNames };
}

const within = (name: string, domain: string) => name === domain || name.endsWith(`.${domain}`);

function hostAddresses(
  { hostname }: DnsConfig,
  domain: string,
  addresses: readonly string[],
  notes: string[],
): Unsaid[] {
  if (!within(hostname, domain)) {
    notes.push(`${hostname} is another domain's: its addresses stand there`);
    return [];
  }
  if (addresses.length === 0) notes.push(`${hostname} needs A and AAAA records with the public addresses of this host`);
  return addresses.map((value) => ({ name: hostname, type: value.includes(':') ? 'AAAA' : 'A', value }));
}

function mailExchanger({ hostname, listeners }: DnsConfig, domain: string, notes: string[]): Unsaid[] {
  if (listeners.smtp.length === 0) {
    notes.push('no MX: listeners.smtp is off, so nothing takes mail from other peers');
    return [];
  }
  if (!listeners.smtp.some(({ host, port }) => port === PROTOCOLS.smtp.port && !isLoopback(host))) {
    notes.push('other peers deliver to port 25, where this one does not listen for them');
  }
  return [{ name: domain, type: 'MX', priority: 10, value: hostname }];
}

/** RFC 6186 §3.4: the priorities tell which of several services is preferred. */
const SERVICES: readonly (readonly [ClientProtocol, priority: number])[] = [
  ['imaps', 0],
  ['imap', 10],
  ['pop3s', 20],
  ['pop3', 30],
  ['submissions', 0],
  ['submission', 10],
];

function services({ domain, incoming, outgoing }: ClientSettings): Unsaid[] {
  const servers = [...incoming, ...outgoing];
  return SERVICES.map(([protocol, priority]) => {
    const name = `_${protocol}._tcp.${domain}`;
    const server = servers.find((s) => s.protocol === protocol);
    // RFC 6186 §3.4: "." says that the service is decidedly not available.
    if (server === undefined) return { name, type: 'SRV', priority: 0, weight: 0, port: 0, value: '.' };
    return { name, type: 'SRV', priority, weight: 1, port: server.port, value: server.host };
  });
}

function webNames(settings: ClientSettings, notes: string[]): Unsaid[] {
  const { domain, hostname, web } = settings;
  const secure = web.https === PROTOCOLS.https.port;
  const plain = web.http === PROTOCOLS.http.port;
  if (!secure) {
    const more = plain ? ': only Autoconfig over http is left, which nothing protects' : '';
    notes.push(`no https on port 443, where programs look for their settings${more}`);
  }
  const labels = [
    ...(secure || plain ? ['autoconfig'] : []),
    ...(secure ? ['autodiscover'] : []),
    ...(secure && renderPacc(settings) !== undefined ? ['ua-auto-config'] : []),
  ];
  return labels
    .map((label) => `${label}.${domain}`)
    .filter((name) => name !== hostname)
    .map((name) => ({ name, type: 'CNAME', value: hostname }));
}

function autodiscoverService({ domain, hostname, web }: ClientSettings): Unsaid[] {
  if (web.https === undefined) return [];
  return [
    { name: `_autodiscover._tcp.${domain}`, type: 'SRV', priority: 0, weight: 1, port: web.https, value: hostname },
  ];
}

function digest(settings: ClientSettings, names: readonly Unsaid[]): Unsaid[] {
  const body = renderPacc(settings);
  if (body === undefined || !names.some(({ name }) => name.startsWith('ua-auto-config.'))) return [];
  return [{ name: `_ua-auto-config.${settings.domain}`, type: 'TXT', value: paccDigest(body) }];
}

/** RFC 7208 §3, and §2.3 for the name in EHLO, which is all that there is to check where a bounce has no sender. */
function senderPolicy({ hostname, delivery }: DnsConfig, domain: string, notes: string[]): Unsaid[] {
  if (delivery.smarthost !== undefined) {
    notes.push('mail leaves by delivery.smarthost: its provider says what SPF must include');
    return [];
  }
  const policy: Unsaid[] = [{ name: domain, type: 'TXT', value: `v=spf1 a:${hostname} ~all` }];
  if (hostname !== domain && within(hostname, domain))
    policy.push({ name: hostname, type: 'TXT', value: 'v=spf1 a -all' });
  return policy;
}
