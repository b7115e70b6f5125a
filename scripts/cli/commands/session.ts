/** `peerpost session list|disconnect`. */
import type { Command } from 'commander';
import { disconnectSessions, listSessions, type SessionFilter } from '#admin/sessions.ts';
import { type Act, type Options, readConfig, withSystem } from '../act.ts';
import { duration, table, UsageError } from '../output.ts';
import { askSupervisor, CLI } from '../system.ts';

export function addSessionCommands(program: Command, act: Act): void {
  const command = program.command('session').description('who is connected now');

  filtered(command.command('list'))
    .description('live sessions of all protocols, the oldest first')
    .action(
      act(async (output, options) => {
        await askSupervisor(await readConfig(options));
        await withSystem(options, async (system) => {
          const { items } = await listSessions(system, filterOf(options));
          const rows = items.map((s) => [
            s.id,
            s.protocol,
            s.remote,
            duration(system.clock.now() - Date.parse(s.since)),
            s.login ?? '',
          ]);
          output.result({ items }, () =>
            rows.length === 0 ? 'nobody is connected' : table(['ID', 'PROTOCOL', 'FROM', 'FOR', 'ACCOUNT'], rows),
          );
        });
      }),
    );

  filtered(command.command('disconnect'))
    .argument('[id...]')
    .description('end sessions: IMAP clients hear BYE, SMTP clients 421, after what they have in hand')
    .addHelpText(
      'after',
      `
Clients may come back at once: to keep an account out, suspend it (\`peerpost account suspend\`).

  peerpost session disconnect --account bob@example.org`,
    )
    .action(
      act(async (output, options, ids: string[]) => {
        const filter = filterOf(options);
        if (ids.length > 0 === Object.keys(filter).length > 0)
          throw new UsageError('give ids or a filter: peerpost session disconnect ID… | --account ADDRESS');
        await askSupervisor(await readConfig(options));
        await withSystem(options, async (system) => {
          const { items } = await disconnectSessions(system, ids.length > 0 ? { ids } : { filter }, CLI);
          output.result({ items }, () => `disconnected ${items.length} ${items.length === 1 ? 'session' : 'sessions'}`);
        });
      }),
    );
}

function filtered(command: Command): Command {
  return command
    .option('--account <address>', 'sessions of this account')
    .option('--protocol <protocol>', 'such as imaps or smtp')
    .option('--from <address>', 'sessions from this IP address');
}

function filterOf({ account, protocol, from }: Options): SessionFilter {
  return {
    ...(typeof account === 'string' && { login: account }),
    ...(typeof protocol === 'string' && { protocol }),
    ...(typeof from === 'string' && { remote: from }),
  };
}
