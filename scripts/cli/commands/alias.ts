import type { Command } from 'commander';
import { addAlias, listAliases, removeAlias } from '#admin/aliases.ts';
import { type Act, withSystem } from '../act.ts';
import { table } from '../output.ts';
import { CLI } from '../system.ts';

export function addAliasCommands(program: Command, act: Act): void {
  const alias = program.command('alias').description('addresses that lead to other addresses, here or elsewhere');

  alias
    .command('add')
    .argument('<address>', 'such as sales@example.org; @example.org is the catch-all of a domain')
    .argument('<target...>', 'where the mail goes; one or several, local or remote')
    .description('let an address lead to others')
    .action(
      act((output, options, address: string, targets: string[]) =>
        withSystem(options, async (system) => {
          const added = await addAlias(system, { address, targets }, CLI);
          output.result(added, () => `${address} leads to ${targets.join(', ')}`);
        }),
      ),
    );

  alias
    .command('remove')
    .argument('<address>')
    .description('end an alias')
    .action(
      act((output, options, address: string) =>
        withSystem(options, async (system) => {
          output.result(await removeAlias(system, address, CLI), () => `removed ${address}`);
        }),
      ),
    );

  alias
    .command('list')
    .description('all aliases')
    .action(
      act((output, options) =>
        withSystem(options, async (system) => {
          const { items } = await listAliases(system);
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
