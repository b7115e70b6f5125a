/** `peerpost send`, and `peerpost submission`: what an account sends, and what came of it. */
import type { Command } from 'commander';
import type { Act, Options } from '../act.ts';
import { readLimit } from '../arguments.ts';
import { readJson, uploadOf } from '../content.ts';
import { type Input, withAccount } from '../operations.ts';
import { harmless, table, UsageError } from '../output.ts';

interface Submission {
  readonly id: string;
  readonly status: string;
  readonly from: string;
  readonly subject: string;
  readonly createdAt: string;
  readonly sendAt?: string;
  readonly sentAt?: string;
  readonly recipients: readonly { readonly address: string; readonly status: string; readonly reply?: string }[];
}

export interface Sent {
  readonly id: string;
  readonly recipients: readonly string[];
  readonly sendAt?: string;
}

export function addSubmissionCommands(program: Command, act: Act): void {
  addSendCommand(program, act);
  const submission = program.command('submission').description('what an account has sent and is to send');

  submission
    .command('list')
    .argument('<address>')
    .option('--limit <n>', 'how many at most', '50')
    .description('what was sent and is to be sent, the last first; what is done is known for 30 days')
    .action(
      act((output, options, address: string) =>
        withAccount(options, address, async ({ list }) => {
          const page = await list<Submission>('listSubmissions', readLimit(options.limit));
          output.result(page, () =>
            table(
              ['ID', 'STATUS', 'CREATED', 'TO', 'SUBJECT'],
              page.items.map((one) => [one.id, one.status, one.createdAt, toText(one), one.subject]),
            ),
          );
        }),
      ),
    );

  for (const [name, operation, description] of [
    ['show', 'getSubmission', 'what came of a message, for each recipient'],
    ['cancel', 'cancelSubmission', 'take a message back before it is sent; it stays among the drafts'],
  ] as const) {
    submission
      .command(name)
      .argument('<address>')
      .argument('<id>')
      .description(description)
      .action(
        act((output, options, address: string, id: string) =>
          withAccount(options, address, async ({ ask }) => {
            const found = await ask<Submission>(operation, { params: { id } });
            output.result(found, () => harmless(inWords(found)));
          }),
        ),
      );
  }
}

function addSendCommand(program: Command, act: Act): void {
  sendingOptions(
    program
      .command('send')
      .argument('<address>', 'who sends it: an account of this peer')
      .option('--to <address...>')
      .option('--cc <address...>')
      .option('--bcc <address...>')
      .option('--subject <text>')
      .option('--text <text>')
      .option('--compose <file>', 'all of it as JSON, as POST /send takes it; - is standard input')
      .option('--message <file>', 'a finished message (.eml), to whom its header names; - is standard input'),
  )
    .description('send a message')
    .addHelpText(
      'after',
      `
Attachments, HTML, replies and forwards are told with --compose. It is stored before the command ends, and sent by the
running peer, or once one runs.

  peerpost send bob@example.org --to alice@example.net --subject Hello --text 'See you at eight.'
  peerpost submission list bob@example.org`,
    )
    .action(
      act((output, options, address: string) =>
        withAccount(options, address, async ({ ask }) => {
          const sent = await ask<Sent>('sendMessage', await wanted(options));
          output.result(sent, () => sentText(sent));
        }),
      ),
    );
}

/** How something is sent, whatever it is. */
export function sendingOptions(command: Command): Command {
  return command
    .option('--at <time>', 'not before this time (RFC 3339)')
    .option('--no-save', 'keep no copy among what was sent');
}

export const sendingOf = ({ at, save }: Options): Record<string, unknown> => ({
  ...(at !== undefined && { sendAt: at }),
  ...(save === false && { save }),
});

export function sentText({ id, recipients, sendAt }: Sent): string {
  return `${sendAt === undefined ? 'sent' : `to be sent at ${sendAt}`} to ${recipients.join(', ')}; see: peerpost submission show … ${id}`;
}

async function wanted(options: Options): Promise<Input> {
  const { compose, message } = options;
  const plain = plainOf(options);
  const ways = [Object.keys(plain).length > 0, compose !== undefined, message !== undefined].filter(Boolean).length;
  if (ways !== 1) throw new UsageError('give --to, --subject and --text, or --compose, or --message');
  const sending = sendingOf(options);
  if (typeof message === 'string') return { query: sending, upload: await uploadOf(message, 'message/rfc822') };
  if (typeof compose === 'string') return { body: { ...((await readJson(compose)) as object), ...sending } };
  return { body: { ...plain, ...sending } };
}

function plainOf(options: Options): object {
  const names = ['to', 'cc', 'bcc', 'subject', 'text'];
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]));
}

const toText = ({ recipients }: Submission): string => recipients.map(({ address }) => address).join(', ');

function inWords(one: Submission): string {
  const { id, status, from, subject, createdAt, sendAt, sentAt, recipients } = one;
  const when = [
    `made ${createdAt}`,
    ...(sendAt ? [`to be sent ${sendAt}`] : []),
    ...(sentAt ? [`sent ${sentAt}`] : []),
  ];
  return [
    `${id}: ${status}`,
    `from ${from}: ${subject}`,
    when.join(', '),
    table(
      ['RECIPIENT', 'STATUS', 'REPLY'],
      recipients.map(({ address, status, reply }) => [address, status, reply ?? '']),
    ),
  ].join('\n');
}
