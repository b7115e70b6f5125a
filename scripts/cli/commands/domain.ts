import type { Command } from 'commander';
import { addDomain, listDomains, removeDomain } from '#admin/domains.ts';
import { type Act, withSystem } from '../act.ts';
import { table } from '../output.ts';
import { CLI } from '../system.ts';

export function addDomainCommands(program: Command, act: Act): void {
  const domain = program.command('domain').description('the domains that this peer is final for');

  domain
    .command('add')
    .argument('<domain>', 'a DNS name, such as example.org')
    .description('take mail for a domain from now on')
    .action(
      act((output, options, name: string) =>
        withSystem(options, async (system) => {
          output.result(
            await addDomain(system, name, CLI),
            () => `added ${name}; add accounts with: peerpost account add NAME@${name} --password-stdin`,
          );
        }),
      ),
    );

  domain
    .command('remove')
    .argument('<domain>')
    .description('stop taking mail for a domain; refused while accounts or aliases stand in it')
    .action(
      act((output, options, name: string) =>
        withSystem(options, async (system) => {
          output.result(await removeDomain(system, name, CLI), () => `removed ${name}`);
        }),
      ),
    );

  domain
    .command('list')
    .description('all domains')
    .action(
      act((output, options) =>
        withSystem(options, async (system) => {
          const { items } = await listDomains(system);
          output.result({ items }, () =>
            table(
              ['DOMAIN', 'SINCE'],
              items.map((d) => [d.domain, d.createdAt]),
            ),
          );
        }),
      ),
    );
}
