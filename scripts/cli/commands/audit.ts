/** `peerpost audit list`. */
import type { Command } from 'commander';
import { listAudit } from '#admin/audit.ts';
import { type Act, withSystem } from '../act.ts';
import { readLimit } from '../arguments.ts';
import { table } from '../output.ts';

export function addAuditCommand(program: Command, act: Act): void {
  program
    .command('audit')
    .description('who did what to this peer')
    .command('list')
    .option('--actor <actor>', 'only what this one did: cli, an address, or token:NAME')
    .option('--target <target>', 'only what was done to this address, domain, message or name')
    .option('--before <id>', 'go on below the line of this id')
    .option('--limit <n>', 'so many lines at most', '50')
    .description('acts of admins and of users on their settings, newest first')
    .addHelpText(
      'after',
      `
Each act leaves one line, whether it came by command, by REST or from a page; it is written in the same transaction as
the change itself. Lines are kept for 400 days. Passwords and tokens never stand in them.`,
    )
    .action(
      act((output, options) =>
        withSystem(options, async (system) => {
          const { actor, target, before } = options;
          const { items } = await listAudit(system, {
            limit: readLimit(options.limit),
            ...(typeof actor === 'string' && { actor }),
            ...(typeof target === 'string' && { target }),
            ...(typeof before === 'string' && { before }),
          });
          const rows = items.map((line) => [
            line.id,
            line.at,
            line.actor,
            line.act,
            line.target,
            line.detail === undefined ? '' : JSON.stringify(line.detail),
          ]);
          output.result({ items }, () => table(['ID', 'TIME', 'WHO', 'ACT', 'TO', 'DETAIL'], rows));
        }),
      ),
    );
}
