/** `peerpost login list`. */
import type { Command } from 'commander';
import { type LoginItem, listLogins } from '#admin/logins.ts';
import { findAccount } from '#store/accounts.ts';
import { type Act, withSystem } from '../act.ts';
import { readLimit } from '../arguments.ts';
import { CommandError, table } from '../output.ts';

export function addLoginCommand(program: Command, act: Act): void {
  program
    .command('login')
    .description('who logged in, or tried to')
    .command('list')
    .argument('[address]', 'only of this account')
    .option('--before <id>', 'go on below the line of this id')
    .option('--limit <n>', 'so many lines at most', '50')
    .description('logins and refusals of IMAP, POP3, SMTP and REST, newest first')
    .addHelpText(
      'after',
      `
What is alike within an hour is one line. Lines are kept for 30 days, at most 500 an account, and 5,000 of names that
nobody has; of what is no address of ours the name is not kept, since people type passwords there.`,
    )
    .action(
      act((output, options, address?: string) =>
        withSystem(options, async (system) => {
          const { before } = options;
          const account = address === undefined ? undefined : await findAccount(system.directory, address);
          if (address !== undefined && account === undefined)
            throw new CommandError('no-such-account', `there is no account ${address}`);
          const { items } = await listLogins(system, {
            limit: readLimit(options.limit),
            ...(typeof before === 'string' && { before }),
            ...(account && { account: account.id }),
          });
          const rows = items.map((line) => [
            line.id,
            line.lastAt,
            line.outcome,
            line.protocol,
            line.remote,
            String(line.count),
            line.account ?? line.login,
            credential(line),
          ]);
          output.result({ items }, () =>
            table(['ID', 'LAST', 'OUTCOME', 'PROTOCOL', 'FROM', 'TIMES', 'ACCOUNT', 'BY'], rows),
          );
        }),
      ),
    );
}

function credential({ outcome, appPassword, token }: LoginItem): string {
  if (appPassword !== undefined) return `app password ${appPassword.name ?? appPassword.id}`;
  if (token !== undefined) return `token ${token.name ?? token.id}`;
  return outcome === 'ok' ? 'password' : '';
}
