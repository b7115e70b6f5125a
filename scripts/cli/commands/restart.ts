import { Argument, type Command } from 'commander';
import { restartPrograms, supervisorOf } from '#admin/status.ts';
import { type Act, readConfig, withSystem } from '../act.ts';
import { table } from '../output.ts';
import { askSupervisor, CLI } from '../system.ts';
import { programs } from './run.ts';

export function addRestartCommand(program: Command, act: Act): void {
  program
    .command('restart')
    .addArgument(new Argument('[program]', 'restart this one alone').choices(programs.map(({ name }) => name)))
    .description(
      'replace the running programs by new processes with the code as it is now; no connection is refused meanwhile',
    )
    .addHelpText(
      'after',
      `
Each new process is ready before the old one is told to end, and gets all new connections. Sessions of the old one
go on for \`drain-time\` of [restart] at most, so some processes may still be there when this command has ended
(\`peerpost status\` shows them as draining). SMTP clients then hear 421, IMAP clients BYE, and both come back.
If a new process doesn't start, the old one goes on and the command fails.

The supervisor itself is not replaced, and the configuration is not read: SIGHUP reads it.`,
    )
    .action(
      act(async (output, options, only: string | undefined) => {
        const config = await readConfig(options);
        await askSupervisor(config);
        const supervisor = supervisorOf(config.data);
        await withSystem(options, async ({ directory }) => {
          const { restarted } = await restartPrograms({ directory, supervisor }, only, CLI);
          output.result({ restarted }, () =>
            table(
              ['PROGRAM', 'PID', 'REPLACED'],
              restarted.map(({ name, pid, replaced }) => [name, String(pid), String(replaced)]),
            ),
          );
        });
      }),
    );
}
