/** `peerpost domain dns DOMAIN`: what to publish for a domain. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import type { Command } from 'commander';
import { type DomainRecords, domainRecords } from '#admin/setup/dns.ts';
import { zoneText } from '#admin/setup/zone.ts';
import type { Config } from '#config/config.ts';
import { parseDomain } from '#mail/address.ts';
import { networkMatcher } from '#runtime/address.ts';
import { type Act, readConfig, withSystem } from '../act.ts';
import { CommandError, UsageError } from '../output.ts';

/** `domain` is the group of `commands/domain.ts`. */
export function addDomainDnsCommand(program: Command, act: Act): void {
  program.commands
    .find((command) => command.name() === 'domain')
    ?.command('dns')
    .argument('<domain>')
    .description('the DNS records of a domain, as text for a zone file: what this peer offers today')
    .action(
      act((output, options, name: string) =>
        withSystem(options, async ({ directory }) => {
          const config = await readConfig(options);
          const found = domainRecords(config, domainName(name), publicAddresses(config));
          if (!(await directory.isLocalDomain(found.domain))) {
            const hint = `add it with: peerpost domain add ${found.domain}`;
            throw new CommandError('no-such-domain', `${found.domain} is no domain of this peer; ${hint}`);
          }
          const notes = [...found.notes, ...(await certificateNotes(config, found))];
          const items = found.records;
          output.result({ domain: found.domain, items, notes }, () => zoneText({ ...found, notes }));
        }),
      ),
    );
}

function domainName(text: string): string {
  try {
    return parseDomain(text);
  } catch (cause) {
    throw new UsageError(`${text} is no domain name`, { cause });
  }
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
