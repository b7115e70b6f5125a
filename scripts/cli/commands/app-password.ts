/** `peerpost app-password add|list|remove`. */
import type { Command } from 'commander';
import { addAppPassword, listAppPasswords, removeAppPassword } from '#admin/app-passwords.ts';
import { APP_SCOPES } from '#store/credentials.ts';
import { type Act, withSystem } from '../act.ts';
import { readChoices } from '../arguments.ts';
import { table } from '../output.ts';
import { CLI } from '../system.ts';

export function addAppPasswordCommands(program: Command, act: Act): void {
  const command = program
    .command('app-password')
    .description('passwords of an account for one program or device each, beside its own');

  command
    .command('add')
    .argument('<address>')
    .argument('<name>', 'what it is for, such as "phone"')
    .option('--scope <scope...>', `only for these: ${APP_SCOPES.join(', ')}; without, for all of them`)
    .description('make one, and print it; it is shown this once')
    .addHelpText(
      'after',
      `
It is used in place of the account's password, with any login method; spaces, hyphens and capitals don't matter (but
to SCRAM, which takes it with hyphens, with spaces or without). It goes on when the account's password changes.

  peerpost app-password add bob@example.org "old phone" --scope imap smtp`,
    )
    .action(
      act((output, options, address: string, name: string) =>
        withSystem(options, async (system) => {
          const scopes = readChoices('scope', options.scope, APP_SCOPES);
          const added = await addAppPassword(system, { address, name, scopes }, CLI);
          output.result(added, () => added.password);
        }),
      ),
    );

  command
    .command('list')
    .argument('<address>')
    .description('those of an account, with their last use')
    .action(
      act((output, options, address: string) =>
        withSystem(options, async (system) => {
          const { items } = await listAppPasswords(system, address);
          const rows = items.map((p) => [
            p.id,
            p.scopes.join(',') || 'all',
            p.createdAt,
            p.lastUsedAt === undefined ? 'never' : `${p.lastUsedAt} from ${p.lastUsedFrom ?? '?'}`,
            p.name,
          ]);
          output.result({ items }, () => table(['ID', 'SCOPES', 'SINCE', 'LAST USED', 'NAME'], rows));
        }),
      ),
    );

  command
    .command('remove')
    .argument('<address>')
    .argument('<app-password>', 'its name or id')
    .description('end one: the next login with it is refused')
    .action(
      act((output, options, address: string, password: string) =>
        withSystem(options, async (system) => {
          const removed = await removeAppPassword(system, { address, password }, CLI);
          output.result(removed, () => `removed "${removed.name}" of ${removed.address}`);
        }),
      ),
    );
}
