/**
 * `peerpost account import`: runs here, against the stores of the running peer or of the resting one; what was taken is marked in the account itself, so
 * the same command again goes on where it was, whoever ended it.
 */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { MailError } from '#mail/failure.ts';
import { systemClock } from '#runtime/system.ts';
import { findAccount } from '#store/accounts.ts';
import { importAccount } from '#transfer/import/account.ts';
import type { ImportProgress } from '#transfer/import/progress.ts';
import type { SourceAddress, SourceCredentials } from '#transfer/import/source.ts';
import { type Act, type Options, readConfig, withSystem } from '../act.ts';
import { readStandardInput } from '../input.ts';
import { CommandError, octets, table, UsageError } from '../output.ts';
import { CLI } from '../system.ts';
import { createProgressLine, interrupted, wait } from './transfer-progress.ts';

export function addAccountImportCommand(account: Command, act: Act): void {
  account
    .command('import')
    .argument('<address>', 'an account of this peer')
    .requiredOption(
      '--from <url>',
      'imaps://user@host[:port], or imap:// with STARTTLS; an @ in the user is %40 or plain',
    )
    .option('--password-stdin', 'read the password there from standard input (one final newline is stripped)')
    .option('--token-stdin', 'read an OAuth 2 access token from standard input')
    .option('--mailbox <path...>', 'only these mailboxes there')
    .option('--ca <file>', 'trust this certificate (PEM) too')
    .option('--insecure', 'accept any certificate, and a connection without TLS')
    .description('take mail over from another server: only what is new, each time it is run')
    .addHelpText(
      'after',
      '\nMailboxes, flags, keywords and dates are kept; nothing is changed there. Run again to fetch what has come since, or after an interruption.' +
        '\nWith --json each step is a line of JSON, the last one the summary.',
    )
    .action(
      act((output, options, address: string) =>
        withSystem(options, async ({ directory, store, random }) => {
          const from = parseSource(String(options.from));
          const credentials = await readCredentials(options);
          const found = await findAccount(directory, address);
          if (found === undefined) throw new MailError('no-such-account', `there is no account ${address}`);
          const { limits } = await readConfig(options);
          await directory.change({ type: 'note-act', act: 'import-account', target: found.address }, CLI);
          const line = createProgressLine(output, textOf);
          const { signal, off } = interrupted();
          try {
            const summary = await importAccount({
              rooms: { store, random, clock: systemClock, messageSize: limits.messageSize },
              access: { owner: found.id, viewer: found.id },
              from,
              credentials,
              signal,
              wait,
              report: line.report,
              ...(Array.isArray(options.mailbox) ? { only: options.mailbox as string[] } : {}),
            });
            line.end();
            output.result({ address, from: String(options.from), ...summary }, () => summaryText(summary));
            if (summary.failed > 0) process.exitCode = 1;
          } catch (error) {
            line.end();
            if (signal.aborted) {
              throw new CommandError('interrupted', 'interrupted; run the same command again to go on', {
                cause: error,
              });
            }
            throw error;
          } finally {
            off();
          }
        }),
      ),
    );
}

const PORTS = { 'imap:': 143, 'imaps:': 993 } as const;

function parseSource(text: string): SourceAddress {
  // In a URL the last @ parts the user from the host; people write addresses as they are.
  const at = text.lastIndexOf('@');
  const start = text.indexOf('://') + 3;
  const url = URL.parse(at < start ? text : `${text.slice(0, start)}x${text.slice(at)}`);
  if (url === null || !(url.protocol in PORTS) || url.hostname === '' || at <= start) {
    throw new UsageError(`--from is imaps://user@host[:port], not ${text}`);
  }
  const user = decodeURIComponent(text.slice(start, at).replaceAll(/%(?![0-9a-f]{2})/gi, '%25'));
  if (user.includes(':')) throw new UsageError('give the password on standard input, with --password-stdin');
  const scheme = url.protocol as keyof typeof PORTS;
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? PORTS[scheme] : Number(url.port),
    secure: scheme === 'imaps:',
    user,
  };
}

async function readCredentials(options: Options): Promise<SourceCredentials> {
  if (Boolean(options.passwordStdin) === Boolean(options.tokenStdin)) {
    throw new UsageError('give --password-stdin or --token-stdin');
  }
  const secret = (await readStandardInput()).replace(/\r?\n$/, '');
  if (secret === '') throw new UsageError('standard input is empty');
  return {
    ...(options.tokenStdin ? { token: secret } : { password: secret }),
    ...(typeof options.ca === 'string' ? { ca: await readFile(options.ca, 'utf8') } : {}),
    ...(options.insecure ? { insecure: true } : {}),
  };
}

function textOf({ mailboxes }: ImportProgress): { done: number; total: number; text: string } {
  const current = mailboxes.find(({ done }) => !done) ?? mailboxes.at(-1);
  if (current === undefined) return { done: 0, total: 0, text: '' };
  return { done: current.seen, total: current.total, text: `${current.path}` };
}

function summaryText({ mailboxes, copied, changed, failed, octets: size, failures }: ImportProgress): string {
  const rows = mailboxes.map((one) => [one.path, one.mailbox, `${one.total}`, `${one.copied}`, `${one.failed}`]);
  const lines = [
    table(['FROM', 'TO', 'MESSAGES', 'NEW', 'FAILED'], rows),
    `${copied} messages (${octets(size)}) taken, flags of ${changed} followed${failed > 0 ? `, ${failed} not taken:` : ''}`,
    ...failures.map(({ path, uid, message }) => `  ${path}, UID ${uid}: ${message}`),
  ];
  return lines.join('\n');
}
