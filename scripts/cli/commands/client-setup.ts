/** `peerpost client-setup ADDRESS`: what a person types into a mail program, or a phone's camera reads. */
import type { Command } from 'commander';
import { renderUnicodeCompact } from 'uqr';
import { addressSettings, type ClientServer, type ClientSettings, profileLink } from '#admin/setup/settings.ts';
import { formatAddress, parseAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { type Act, readConfig, withSystem } from '../act.ts';
import { CommandError, table, UsageError } from '../output.ts';
import type { System } from '../system.ts';

export function addClientSetupCommand(program: Command, act: Act): void {
  program
    .command('client-setup')
    .argument('<address>', 'an account of this peer')
    .description('how a mail program or a phone is set up for an account: servers and ports, and a QR code')
    .action(
      act((output, options, address: string) =>
        withSystem(options, async ({ directory }) => {
          const settings = addressSettings(await readConfig(options), await accountAddress(directory, address));
          const link = profileLink(settings);
          const { incoming, outgoing } = settings;
          output.result({ address: settings.address, incoming, outgoing, profile: link ?? null }, () =>
            inWords(settings, link, process.stdout.isTTY),
          );
        }),
      ),
    );
}

/** People sign in with the account's own address, so an alias is no answer. */
async function accountAddress(directory: System['directory'], text: string): Promise<string> {
  const found = await directory.lookup(address(text));
  if (found.kind === 'account') return formatAddress(found.address);
  if (found.kind === 'alias') {
    const targets = found.targets.map(formatAddress).join(', ');
    throw new CommandError('no-such-account', `${text} is an alias: people sign in as ${targets}`);
  }
  throw new CommandError(
    'no-such-account',
    `${text} is no account here; add it with: peerpost account add ${text} --password-stdin`,
  );
}

function address(text: string): Address {
  try {
    return parseAddress(text);
  } catch (cause) {
    throw new UsageError(`${text} is no address: ${(cause as Error).message}`, { cause });
  }
}

function inWords(settings: ClientSettings, link: string | undefined, colours: boolean): string {
  const { domain, incoming, outgoing } = settings;
  const rows = [
    ...incoming.map((server) => ['incoming', ...cells(server)]),
    ...outgoing.map((server) => ['outgoing', ...cells(server)]),
  ];
  return [
    `user name: ${settings.address}, the whole address, for incoming and outgoing mail`,
    'password:  the one of the account',
    '',
    rows.length === 0
      ? 'nothing listens for mail programs'
      : table(['MAIL', 'TYPE', 'SERVER', 'PORT', 'SECURITY'], rows),
    '',
    'The first of each is the best. Programs that look for their settings find them by the address alone, once the',
    `domain's records are published: peerpost domain dns ${domain}`,
    '',
    ...(link === undefined
      ? ['There is no link for iPhone, iPad and Mac: neither listeners.https nor a trusted proxy serves the web.']
      : [`iPhone, iPad, Mac: open ${link}`, '', code(link, colours)]),
  ].join('\n');
}

const TYPES = { imaps: 'IMAP', imap: 'IMAP', pop3s: 'POP3', pop3: 'POP3', submissions: 'SMTP', submission: 'SMTP' };

function cells({ protocol, host, port, security }: ClientServer): string[] {
  return [TYPES[protocol], host, String(port), security === 'tls' ? 'SSL/TLS' : 'STARTTLS'];
}

/** Cameras want dark on light: in a terminal the colours are set, so that its own don't matter. */
function code(link: string, colours: boolean): string {
  const lines = renderUnicodeCompact(link, { border: 2 }).split('\n');
  return lines.map((line) => (colours ? `\x1b[97;40m${line}\x1b[0m` : line)).join('\n');
}
