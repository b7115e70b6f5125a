import type { Command } from 'commander';
import { type Act, withSystem } from '../act.ts';
import { table, timestamp } from '../output.ts';

export function addAliasCommands(program: Command, act: Act): void {
  const alias = program.command('alias').description('addresses that lead to other addresses, here or elsewhere');

  alias
    .command('add')
    .argument('<address>', 'such as sales@example.org; @example.org is the catch-all of a domain')
    .argument('<target...>', 'where the mail goes; one or several, local or remote')
    .description('let an address lead to others')
    .action(
      act((output, options, address: string, targets: string[]) =>
        withSystem(options, async ({ directory }) => {
          await directory.change({ type: 'add-alias', address, targets });
          output.result({ address, targets }, () => `${address} leads to ${targets.join(', ')}`);
        }),
      ),
    );

  alias
    .command('remove')
    .argument('<address>')
    .description('end an alias')
    .action(
      act((output, options, address: string) =>
        withSystem(options, async ({ directory }) => {
          await directory.change({ type: 'remove-alias', address });
          output.result({ address }, () => `removed ${address}`);
        }),
      ),
    );

  alias
    .command('list')
    .description('all aliases')
    .action(
      act((output, options) =>
        withSystem(options, async ({ directory }) => {
          const items = (await directory.aliases()).map((a) => ({
            address: a.address,
            targets: a.targets,
            created: timestamp(a.createdAt),
          }));
          output.result({ items }, () =>
            table(
              ['ALIAS', 'TARGETS'],
              items.map((a) => [a.address, a.targets.join(', ')]),
            ),
          );
        }),
      ),
    );
}
