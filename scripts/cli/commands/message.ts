/** `peerpost message`: what is in an account's mailboxes, listed, searched and read. Changes are in message-changes.ts. */
import type { Command } from 'commander';
import type { ContentOptions } from '../../../imap-gateway/rest/call.ts';
import type { Act } from '../act.ts';
import { readLimit } from '../arguments.ts';
import { writeContent } from '../content.ts';
import { people, withAccount } from '../operations.ts';
import { harmless, octets, table } from '../output.ts';
import { QUERY_HELP, queryOf } from './mail-query.ts';
import { addMessageChangeCommands } from './message-changes.ts';

type People = readonly { readonly name: string; readonly email: string }[];

export interface MessageItem {
  readonly id: string;
  readonly subject: string;
  readonly from: People;
  readonly to: People;
  readonly cc: People;
  readonly receivedAt: string;
  readonly size: number;
  readonly keywords: readonly string[];
  readonly hasAttachment: boolean;
}

export interface ParsedMessage extends MessageItem {
  readonly text: string | null;
  readonly textTruncated?: boolean;
  readonly attachments: readonly {
    readonly path: string;
    readonly name?: string;
    readonly type: string;
    readonly size: number;
  }[];
}

export function addMessageCommands(program: Command, act: Act): void {
  const message = program
    .command('message')
    .description("messages in an account's mailboxes, by the ids that list names them with");

  message
    .command('list')
    .argument('<address>')
    .option('--mailbox <name>', 'in this mailbox: its path, role or id')
    .option('--query <query>', 'only those that it finds')
    .option('--limit <n>', 'how many at most', '50')
    .description('list or search messages, the newest first')
    .addHelpText(
      'after',
      `${QUERY_HELP}

  peerpost message list bob@example.org --mailbox sent --limit 10
  peerpost message list bob@example.org --query 'from:alice has:attachment after:2026-01-01'`,
    )
    .action(
      act((output, options, address: string) =>
        withAccount(options, address, async (of) => {
          const query = await queryOf(of, options);
          const page = await of.list<MessageItem>('listMessages', readLimit(options.limit), { query });
          output.result(page, () => messageTable(page.items));
        }),
      ),
    );

  message
    .command('show')
    .argument('<address>')
    .argument('<id>')
    .description('one message: who, when, what it says, and its attachments')
    .action(
      act((output, options, address: string, id: string) =>
        withAccount(options, address, async ({ ask }) => {
          const found = await ask<ParsedMessage>('getMessage', { params: { id } });
          output.result(found, () => messageText(found));
        }),
      ),
    );

  message
    .command('raw')
    .argument('<address>')
    .argument('<id>')
    .option('--output <file>', 'a new file, instead of standard output')
    .description('one message as it came, octet for octet')
    .action(
      act((output, options, address: string, id: string) =>
        withAccount(options, address, async ({ ask }) => {
          await writeContent(output, await ask<ContentOptions>('getRawMessage', { params: { id } }), options.output);
        }),
      ),
    );

  message
    .command('part')
    .argument('<address>')
    .argument('<id>')
    .argument('<path>', 'such as 2 or 1.2: `show` names those of attachments')
    .option('--output <file>', 'a new file, instead of standard output')
    .description('a part of a message, decoded: an attachment, for instance')
    .action(
      act((output, options, address: string, id: string, path: string) =>
        withAccount(options, address, async ({ ask }) => {
          const part = await ask<ContentOptions>('getMessagePart', { params: { id, path } });
          await writeContent(output, part, options.output);
        }),
      ),
    );
  addMessageChangeCommands(message, act);
}

export function messageTable(items: readonly MessageItem[]): string {
  if (items.length === 0) return 'no messages';
  return table(
    ['ID', 'RECEIVED', 'MARKS', 'FROM', 'SUBJECT'],
    items.map(({ id, receivedAt, keywords, hasAttachment, from, subject }) => [
      id,
      receivedAt,
      marks(keywords, hasAttachment),
      people(from),
      subject,
    ]),
  );
}

/** `N` new, `F` flagged, `R` answered, `D` draft, `A` with an attachment. */
function marks(keywords: readonly string[], attachment: boolean): string {
  const has = (name: string, letter: string): string => (keywords.includes(name) ? letter : '');
  const seen = keywords.includes('$seen') ? '' : 'N';
  return [seen, has('$flagged', 'F'), has('$answered', 'R'), has('$draft', 'D'), attachment ? 'A' : ''].join('');
}

export function messageText(message: ParsedMessage): string {
  const { from, to, cc, receivedAt, subject, keywords, text, textTruncated, attachments, size } = message;
  const head: readonly (readonly [string, string])[] = [
    ['From', people(from)],
    ['To', people(to)],
    ['Cc', people(cc)],
    ['Received', `${receivedAt}, ${octets(size)}`],
    ['Keywords', keywords.join(' ')],
    ['Subject', subject],
  ];
  const files = attachments.map(
    ({ path, name, type, size }) => `[part ${path}: ${name ?? 'without a name'}, ${type}, ${octets(size)}]`,
  );
  const lines = head.filter(([, value]) => value !== '').map(([name, value]) => `${name}: ${value}`);
  return harmless([...lines, '', `${text ?? '(no text)'}${textTruncated ? '\n…' : ''}`, ...files].join('\n'));
}
