/** What an admin publishes for a domain, with what this machine knows of itself: its addresses, and which names its certificate has. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import type { Config } from '#config/config.ts';
import { networkMatcher } from '#runtime/address.ts';
import { type DkimRecords, type DomainRecords, domainRecords } from './dns.ts';

/** Throws `AddressSyntaxError` when `domain` is no domain name, and what reading the certificate throws. */
export async function showDomainRecords(config: Config, domain: string, dkim?: DkimRecords): Promise<DomainRecords> {
  const found = domainRecords(config, domain, publicAddresses(config), dkim);
  return { ...found, notes: [...found.notes, ...(await certificateNotes(config, found))] };
}

const isPrivate = networkMatcher([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::/127',
  'fc00::/7',
  'fe80::/10',
]);

/** Those that listeners name, and where one listens on all, those of this machine. Behind a translating router there are none. */
function publicAddresses({ listeners }: Config): string[] {
  const hosts = [...listeners.smtp, ...listeners.imaps, ...listeners.submissions].map(({ host }) => host);
  const everywhere = hosts.some((host) => host === '*' || host === '::' || host === '0.0.0.0');
  const own = everywhere ? Object.values(networkInterfaces()).flatMap((found) => found ?? []) : [];
  const addresses = [...hosts.filter((host) => host !== '*'), ...own.map(({ address }) => address)];
  return [...new Set(addresses)].filter((address) => !isPrivate(address));
}

async function certificateNotes({ tls }: Config, { certificateNames }: DomainRecords): Promise<string[]> {
  const names = certificateNames.join(', ');
  if (tls.certificate === undefined)
    return [`the certificate is self-signed, which programs refuse: [tls] needs one for ${names}`];
  const certificate = new X509Certificate(await readFile(tls.certificate));
  const missing = certificateNames.filter((name) => certificate.checkHost(name) === undefined);
  return missing.length === 0 ? [] : [`the certificate in [tls] lacks ${missing.join(', ')}`];
}
