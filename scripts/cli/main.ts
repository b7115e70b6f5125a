/** `peerpost`: the admin command (README.md has the usual acts, `--help` all of them). Errors are one line on standard error; exit 0 done, 1 failed, 2 used wrongly. */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { Command, CommanderError } from 'commander';
import { act } from './act.ts';
import { addAccountCommands } from './commands/account.ts';
import { addSenderCommand } from './commands/account-rules.ts';
import { addAddressCommands } from './commands/address.ts';
import { addAliasCommands } from './commands/alias.ts';
import { addAppPasswordCommands } from './commands/app-password.ts';
import { addAuditCommand } from './commands/audit.ts';
import { addClientSetupCommand } from './commands/client-setup.ts';
import { addDomainCommands } from './commands/domain.ts';
import { addDomainDkimCommands } from './commands/domain-dkim.ts';
import { addDomainDnsCommand } from './commands/domain-dns.ts';
import { addDraftCommands } from './commands/draft.ts';
import { addInitCommand } from './commands/init.ts';
import { addJobCommands } from './commands/job.ts';
import { addLoginCommand } from './commands/login.ts';
import { addMailboxCommands } from './commands/mailbox.ts';
import { addMessageCommands } from './commands/message.ts';
import { addQueueCommands } from './commands/queue.ts';
import { addRestartCommand } from './commands/restart.ts';
import { addRunCommand } from './commands/run.ts';
import { addSessionCommands } from './commands/session.ts';
import { addSettingsCommands } from './commands/settings.ts';
import { addStatusCommand } from './commands/status.ts';
import { addSubmissionCommands } from './commands/submission.ts';
import { addThreadCommands } from './commands/thread.ts';
import { addTokenCommands } from './commands/token.ts';
import { addTransferCommands } from './commands/transfer.ts';
import { addWebhookCommands } from './commands/webhook.ts';

const version = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

/** All commands, as they are documented. */
export function commands(): Command {
  const program = new Command('peerpost');
  program
    .description('A complete e-mail system: an MTA, an MDA and a gateway for mail clients, run as one peer.')
    .version(version)
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      `
Start here:
  peerpost init --data DIR --domain example.org     write DIR/peerpost.toml
  peerpost run --config DIR/peerpost.toml           run the peer until SIGTERM
  peerpost domain add example.org                   (also while it runs)
  peerpost account add you@example.org --password-stdin

Without --config, $PEERPOST_CONFIG is read, else ./peerpost.toml.
Exit status: 0 done, 1 failed, 2 used wrongly.`,
    );
  addInitCommand(program, act);
  addRunCommand(program, act, version);
  addRestartCommand(program, act);
  addStatusCommand(program, act);
  addDomainCommands(program, act);
  addDomainDnsCommand(program, act);
  addDomainDkimCommands(program, act);
  addAccountCommands(program, act);
  addTransferCommands(program, act);
  addAliasCommands(program, act);
  addSenderCommand(program, act);
  addAddressCommands(program, act);
  addAppPasswordCommands(program, act);
  addTokenCommands(program, act);
  addMailboxCommands(program, act);
  addMessageCommands(program, act);
  addThreadCommands(program, act);
  addDraftCommands(program, act);
  addSubmissionCommands(program, act);
  addWebhookCommands(program, act);
  addQueueCommands(program, act);
  addJobCommands(program, act);
  addSessionCommands(program, act);
  addAuditCommand(program, act);
  addLoginCommand(program, act);
  addSettingsCommands(program, act);
  addClientSetupCommand(program, act);
  prepare(program);
  return program;
}

export async function run(args: readonly string[]): Promise<void> {
  // Mail, keys and passwords' hashes are for the owner alone, whatever the folder's own mode is.
  process.umask(0o077);
  await parse(commands(), args);
}

/** Gives every leaf the common options, and makes commander throw instead of ending the process. */
function prepare(command: Command): void {
  // A group without its command would write its whole help to standard error: `parse` says one line instead.
  command.exitOverride().configureOutput({ outputError: () => undefined, writeErr: () => undefined });
  for (const sub of command.commands) prepare(sub);
  if (command.commands.length > 0) return;
  if (command.name() !== 'init') command.option('--config <file>', "the peer's configuration");
  command.option('--json', 'print JSON on standard output');
}

async function parse(program: Command, args: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    const text = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    const see = `see: peerpost ${[...named(program, args), '--help'].join(' ')}`;
    const message = text === '(outputHelp)' ? `which command? ${see}` : `${text.replace(/\.$/, '')}; ${see}`;
    process.stderr.write(`peerpost: ${message}\n`);
    if (args.includes('--json')) process.stdout.write(`${JSON.stringify({ error: { code: 'usage', message } })}\n`);
    process.exitCode = 2;
  }
}

/** The command that was meant, as far as it is one. */
function named(program: Command, args: readonly string[]): string[] {
  const names: string[] = [];
  let command: Command | undefined = program;
  for (const arg of args) {
    command = command.commands.find((sub) => sub.name() === arg);
    if (command === undefined) break;
    names.push(arg);
  }
  return names;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  // The wrapper runs this file in a child; when the wrapper is gone, the child must not stay behind.
  if (process.env.PEERPOST_PARENT !== undefined && process.channel) {
    process.channel.unref();
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  }
  await run(process.argv.slice(2));
}
