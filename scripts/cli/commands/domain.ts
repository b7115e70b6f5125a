import type { Command } from 'commander';
import { type Act, withSystem } from '../act.ts';
import { table, timestamp } from '../output.ts';

export function addDomainCommands(program: Command, act: Act): void {
  const domain = program.command('domain').description('the domains that this peer is final for');

  domain
    .command('add')
    .argument('<domain>', 'a DNS name, such as example.org')
    .description('take mail for a domain from now on')
    .action(
      act((output, options, name: string) =>
        withSystem(options, async ({ directory }) => {
          // Asked twice, it is there once: `init` has added the first domain already.
          if (!(await directory.isLocalDomain(name))) await directory.change({ type: 'add-domain', name });
          output.result(
            { domain: name },
            () => `added ${name}; add accounts with: peerpost account add ADDRESS@${name} --password-stdin`,
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
        withSystem(options, async ({ directory }) => {
          await directory.change({ type: 'remove-domain', name });
          output.result({ domain: name }, () => `removed ${name}`);
        }),
      ),
    );

  domain
    .command('list')
    .description('all domains')
    .action(
      act((output, options) =>
        withSystem(options, async ({ directory }) => {
          const items = (await directory.domains()).map((d) => ({ domain: d.name, created: timestamp(d.createdAt) }));
          output.result({ items }, () =>
            table(
              ['DOMAIN', 'SINCE'],
              items.map((d) => [d.domain, d.created]),
            ),
          );
        }),
      ),
    );
}
