import type { Command } from 'commander';
import { type AccountItem, addAccount, listAccounts, removeAccount, setPassword } from '#admin/accounts.ts';
import { isShortPassword, SHORTEST_PASSWORD } from '#admin/passwords.ts';
import { type Act, withSystem } from '../act.ts';
import { readStandardInput } from '../input.ts';
import { CommandError, table, UsageError } from '../output.ts';
import { CLI, type System } from '../system.ts';
import { addAccountAutoreplyCommand } from './account-autoreply.ts';
import { addAccountRuleCommands } from './account-rules.ts';
import { addAccountSettingCommands } from './account-settings.ts';
import { addAccountUndeleteCommand } from './account-undelete.ts';
import { addSecondFactorCommand } from './second-factor.ts';

export function addAccountCommands(program: Command, act: Act): void {
  const account = program.command('account').description('people who have mailboxes here');

  account
    .command('add')
    .argument('[address]', 'such as bob@example.org; its domain must have been added')
    .option('--password-stdin', 'read the password from standard input (one final newline is stripped)')
    .option('--stdin', 'add many: lines of ADDRESS<tab>PASSWORD on standard input')
    .description('make an account with INBOX, Drafts, Sent, Trash, Junk and Archive')
    .action(
      act((output, options, address: string | undefined) =>
        withSystem(options, async (system) => {
          const wanted = await wantedAccounts(address, options);
          const added = await addAll(system, wanted);
          output.result(options.stdin ? { items: added } : added[0], () =>
            [added.length === 1 ? `added ${added[0]?.address}` : `added ${added.length} accounts`]
              .concat(shortOnes(wanted))
              .join('; '),
          );
        }),
      ),
    );

  account
    .command('remove')
    .argument('<address>')
    .description('remove an account with all its mail')
    .action(
      act((output, options, address: string) =>
        withSystem(options, async (system) => {
          output.result(await removeAccount(system, address, CLI), () => `removed ${address}`);
        }),
      ),
    );

  account
    .command('passwd')
    .argument('<address>')
    .option('--password-stdin', 'read the new password from standard input (one final newline is stripped)')
    .description('set a new password')
    .addHelpText(
      'after',
      `
App passwords and tokens of the account go on; whoever is signed in on the web pages has to sign in again.`,
    )
    .action(
      act((output, options, address: string) =>
        withSystem(options, async (system) => {
          if (!options.passwordStdin)
            throw new UsageError('give the password on standard input, with --password-stdin');
          const password = await readPassword();
          const done = await setPassword(system, { address, password }, CLI);
          output.result(done, () => [`new password set for ${address}`, ...shortOnes([{ password }])].join('; '));
        }),
      ),
    );

  account
    .command('list')
    .description('all accounts')
    .action(
      act((output, options) =>
        withSystem(options, async (system) => {
          const { items } = await listAccounts(system);
          output.result({ items }, () =>
            table(
              ['ADDRESS', 'STATE', 'SINCE', 'NOTES'],
              items.map((a) => [a.address, a.suspended ? 'suspended' : a.state, a.createdAt, notes(a)]),
            ),
          );
        }),
      ),
    );
  addAccountSettingCommands(account, act);
  addAccountRuleCommands(account, act);
  addAccountAutoreplyCommand(account, act);
  addSecondFactorCommand(account, act);
  addAccountUndeleteCommand(account, act);
}

function notes({ admin, secondFactor, forward, moved }: AccountItem): string {
  return [
    ...(admin ? ['admin'] : []),
    ...(secondFactor ? ['second factor'] : []),
    ...(forward ? [`forwards to ${forward.targets.join(', ')}${forward.keep ? ' and keeps a copy' : ''}`] : []),
    ...(moved ? [`moved to ${moved.to}`] : []),
  ].join('; ');
}

interface Wanted {
  readonly address: string;
  readonly password: string;
}

async function wantedAccounts(
  address: string | undefined,
  options: { readonly [name: string]: unknown },
): Promise<Wanted[]> {
  if (options.stdin) {
    if (address !== undefined) throw new UsageError('give an address or --stdin, not both');
    return parseLines(await readStandardInput());
  }
  if (address === undefined) throw new UsageError('which address? peerpost account add ADDRESS --password-stdin');
  if (!options.passwordStdin) throw new UsageError('give the password on standard input, with --password-stdin');
  return [{ address, password: await readPassword() }];
}

function parseLines(text: string): Wanted[] {
  const lines = text.split('\n').filter((line) => line !== '' && line !== '\r');
  return lines.map((line, i) => {
    const tab = line.indexOf('\t');
    const password = line.slice(tab + 1).replace(/\r$/, '');
    if (tab < 1 || password === '') throw new UsageError(`line ${i + 1} is not ADDRESS<tab>PASSWORD`);
    return { address: line.slice(0, tab), password };
  });
}

/** Users may set no such passwords themselves. */
function shortOnes(wanted: readonly Pick<Wanted, 'password'>[]): string[] {
  const short = wanted.filter(({ password }) => isShortPassword(password)).length;
  if (short === 0) return [];
  const whose = wanted.length === 1 ? 'the password has' : `${short} passwords have`;
  return [`${whose} fewer than ${SHORTEST_PASSWORD} characters, and can be guessed`];
}

async function readPassword(): Promise<string> {
  const password = (await readStandardInput()).replace(/\r?\n$/, '');
  if (password === '') throw new UsageError('the password on standard input is empty');
  return password;
}

/** Hashing a password is slow on purpose, so many accounts are made side by side; the first trouble ends it and says how far it came. */
async function addAll(system: System, wanted: readonly Wanted[]): Promise<{ address: string; id: string }[]> {
  const added: { address: string; id: string }[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let one = wanted[next++]; one !== undefined; one = wanted[next++]) {
      added.push(await addAccount(system, one, CLI));
      if (wanted.length > 1 && process.stderr.isTTY)
        process.stderr.write(`\r${added.length} of ${wanted.length} accounts`);
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: Math.min(16, wanted.length) }, work));
  if (wanted.length > 1 && process.stderr.isTTY) process.stderr.write('\n');
  const failed = outcomes.find((o) => o.status === 'rejected');
  if (failed === undefined) return added;
  if (wanted.length === 1 || added.length === 0) throw failed.reason;
  const reason = failed.reason instanceof Error ? failed.reason.message : String(failed.reason);
  throw new CommandError('incomplete', `${reason} (added ${added.length} of ${wanted.length} accounts)`, {
    cause: failed.reason,
  });
}
