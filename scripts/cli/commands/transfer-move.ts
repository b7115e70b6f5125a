/** `peerpost account move`: to another peer, in one command, while mail keeps coming. Run again it goes on where it was. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { suspendAccount } from '#admin/account-settings.ts';
import { accountNamed } from '#admin/accounts.ts';
import { httpTarget } from '#transfer/move/http-target.ts';
import { type MoveProgress, moveAccount } from '#transfer/move/outgoing.ts';
import { type Act, type Options, withSystem } from '../act.ts';
import { readStandardInput } from '../input.ts';
import { CommandError, type Output, octets, UsageError } from '../output.ts';
import { CLI, type System } from '../system.ts';
import { createProgressLine, interrupted, stayedBehind, wait } from './transfer-progress.ts';

export function addAccountMoveCommand(account: Command, act: Act): void {
  account
    .command('move')
    .argument('<address>')
    .requiredOption('--to <url>', 'the other peer: https://mail.example.net')
    .requiredOption('--as <address>', 'its address there; that domain must be one of theirs')
    .option('--token-stdin', "read a token of the other peer's admin from standard input")
    .option(
      '--then <what>',
      '`forward` mail that still comes to the old address, or `reject` it with the new one',
      'forward',
    )
    .option('--ca <file>', "trust this certificate (PEM) too, for the other peer's")
    .option('--insecure', 'accept any certificate')
    .description('move an account with all its mail to another peer')
    .addHelpText(
      'after',
      '\nMail keeps coming and clients keep working until the end, when logins here are refused and the account opens there: same password, same UIDs and flags.' +
        '\nAfter an interruption on either side run the same command again. The account stays here, closed, until you remove it.',
    )
    .action(
      act((output, options, address: string) =>
        withSystem(options, (system) => move(system, output, options, address)),
      ),
    );
}

async function move(system: System, output: Output, options: Options, address: string): Promise<void> {
  const { to, as, how, peer } = await readOptions(options);
  const account = await accountNamed(system, address);
  if (as.toLowerCase() === account.address.toLowerCase()) {
    throw new UsageError('the address there must be another one: mail for the old address is sent after it from here');
  }
  const by = CLI;
  await system.directory.change({ type: 'note-act', act: 'move-account', target: account.address }, by);
  const { signal, off } = interrupted();
  const target = httpTarget(peer, signal);
  const line = createProgressLine<MoveProgress>(output, ({ phase, messages, octets: size }) => {
    return { done: messages, total: 0, text: `${octets(size)}, ${phase}` };
  });
  try {
    const done = await moveAccount({
      ...system,
      account,
      target,
      to,
      as,
      how,
      by,
      signal,
      wait,
      close: async () => void (await suspendAccount(system, address, by)),
      report: line.report,
    });
    line.end();
    const then = how === 'forward' ? 'mail for the old address is forwarded' : 'the old address answers 551';
    output.result({ address, to, as, how, ...done }, () => {
      const line = `moved ${address} to ${as}: ${done.messages} messages (${octets(done.octets)}); ${then}`;
      return [line, ...stayedBehind(done)].join('\n');
    });
    if (done.failed > 0) process.exitCode = 1;
  } catch (error) {
    line.end();
    if (!signal.aborted) throw error;
    throw new CommandError('interrupted', 'interrupted; run the same command again to go on', { cause: error });
  } finally {
    target.close();
    off();
  }
}

async function readOptions(options: Options) {
  const url = URL.parse(String(options.to));
  if (url === null || !['https:', 'http:'].includes(url.protocol)) {
    throw new UsageError(`--to is https://host[:port], not ${String(options.to)}`);
  }
  const loopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
  if (url.protocol === 'http:' && !loopback) throw new UsageError('only https: the token and all mail go there');
  const how = options.then;
  if (how !== 'forward' && how !== 'reject') throw new UsageError('--then is forward or reject');
  if (!options.tokenStdin) throw new UsageError("give the token of the other peer's admin, with --token-stdin");
  const token = (await readStandardInput()).trim();
  if (token === '') throw new UsageError('standard input is empty');
  const ca = typeof options.ca === 'string' ? { ca: await readFile(options.ca, 'utf8') } : {};
  const peer = { url: url.origin, token, ...ca, ...(options.insecure ? { insecure: true } : {}) };
  return { to: url.origin, as: String(options.as), how, peer } as const;
}
