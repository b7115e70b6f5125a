/** `peerpost domain dns DOMAIN`: what to publish for a domain. */
import type { Command } from 'commander';
import { publishedKeys } from '#admin/dkim.ts';
import { domainNotes } from '#admin/domains.ts';
import { showDomainRecords } from '#admin/setup/publish.ts';
import { zoneText } from '#admin/setup/zone.ts';
import { parseDomain } from '#mail/address.ts';
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
        withSystem(options, async (system) => {
          const { directory, clock } = system;
          const config = await readConfig(options);
          const keys = await publishedKeys({ directory, clock, expire: config.delivery.expire }, domainName(name));
          const found = await showDomainRecords(config, domainName(name), keys);
          if (!(await directory.isLocalDomain(found.domain))) {
            const hint = `add it with: peerpost domain add ${found.domain}`;
            throw new CommandError('no-such-domain', `${found.domain} is no domain of this peer; ${hint}`);
          }
          const { domain, records } = found;
          const notes = [...found.notes, ...(await domainNotes(system, domain))];
          const zone = zoneText({ ...found, notes });
          output.result({ domain, items: records, notes, zone }, () => zone);
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
