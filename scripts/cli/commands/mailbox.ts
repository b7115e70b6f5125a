/** `peerpost mailbox`: an account's mailboxes. */
import { type Command, Option } from 'commander';
import type { ContentOptions } from '../../../imap-gateway/rest/call.ts';
import type { Act, Options } from '../act.ts';
import { writeContent } from '../content.ts';
import { type MailboxItem, type OfAccount, withAccount } from '../operations.ts';
import { octets, table, UsageError } from '../output.ts';

const ROLES = ['archive', 'drafts', 'flagged', 'important', 'junk', 'sent', 'trash'] as const;
/** REST gives 200 at once; a tree of mailboxes is shown whole. */
const ALL = Number.POSITIVE_INFINITY;

export function addMailboxCommands(program: Command, act: Act): void {
  const mailbox = program
    .command('mailbox')
    .description("an account's mailboxes; a mailbox is named by its path (Projects/2026), its role (sent) or its id");
  addLooks(mailbox, act);
  addChanges(mailbox, act);

  mailbox
    .command('export')
    .argument('<address>')
    .argument('[mailbox]', 'without it all of them, as a zip')
    .addOption(new Option('--format <format>', 'one mbox, or a zip of .eml files').choices(['mbox', 'zip']))
    .option('--output <file>', 'a new file, instead of standard output')
    .description('write mail into files that other programs read')
    .addHelpText('after', '\nWith everything that Peerpost knows of an account: peerpost account export.')
    .action(
      act((output, options, address: string, name: string | undefined) =>
        withAccount(options, address, async (of) => {
          const format = options.format ?? (name === undefined ? 'zip' : 'mbox');
          const query = { format, ...(name !== undefined && { mailbox: (await of.mailbox(name)).id }) };
          await writeContent(output, await of.ask<ContentOptions>('exportMail', { query }), options.output);
        }),
      ),
    );
}

function addLooks(mailbox: Command, act: Act): void {
  mailbox
    .command('list')
    .argument('<address>')
    .description('all mailboxes')
    .action(
      act((output, options, address: string) =>
        withAccount(options, address, async ({ list }) => {
          const page = await list<MailboxItem>('listMailboxes', ALL);
          output.result(page, () =>
            table(
              ['NAME', 'ROLE', 'MESSAGES', 'UNREAD', 'SIZE', 'ID'],
              page.items.map((one) => [
                one.name,
                one.role ?? '',
                String(one.messages),
                String(one.unread),
                octets(one.size),
                one.id,
              ]),
            ),
          );
        }),
      ),
    );

  mailbox
    .command('show')
    .argument('<address>')
    .argument('<mailbox>')
    .description('one mailbox')
    .action(
      act((output, options, address: string, name: string) =>
        withAccount(options, address, async (of) => {
          const params = { id: (await of.mailbox(name)).id };
          const found = await of.ask<MailboxItem>('getMailbox', { params });
          output.result(found, () => inWords(found));
        }),
      ),
    );
}

function addChanges(mailbox: Command, act: Act): void {
  mailbox
    .command('create')
    .argument('<address>')
    .argument('<name>', 'the whole path, levels separated by /; parents are made too')
    .addOption(new Option('--role <role>', 'what it is for').choices(ROLES))
    .option('--unsubscribed', 'mail programs that show subscribed mailboxes alone leave it out')
    .description('make a mailbox')
    .action(
      act((output, options, address: string, name: string) =>
        withAccount(options, address, async ({ ask }) => {
          const body = {
            name,
            ...(options.role !== undefined && { role: options.role }),
            subscribed: !options.unsubscribed,
          };
          const made = await ask<MailboxItem>('createMailbox', { body });
          output.result(made, () => `made ${made.name}`);
        }),
      ),
    );

  mailbox
    .command('rename')
    .argument('<address>')
    .argument('<mailbox>')
    .argument('<name>', 'the whole new path')
    .description('give a mailbox another name or place; everything below it moves along')
    .action(
      act((output, options, address: string, name: string, wanted: string) =>
        withAccount(options, address, async (of) => {
          const changed = await change(of, name, { name: wanted });
          output.result(changed, () => `${name} is ${changed.name} now`);
        }),
      ),
    );

  mailbox
    .command('set')
    .argument('<address>')
    .argument('<mailbox>')
    .addOption(new Option('--role <role>', 'what it is for').choices([...ROLES, 'none']))
    .addOption(new Option('--subscribed <switch>', 'whether mail programs show it').choices(['on', 'off']))
    .description('change what a mailbox is for, and whether it is subscribed')
    .action(
      act((output, options, address: string, name: string) =>
        withAccount(options, address, async (of) => {
          const changed = await change(of, name, settings(options));
          output.result(changed, () => inWords(changed));
        }),
      ),
    );

  mailbox
    .command('remove')
    .argument('<address>')
    .argument('<mailbox>')
    .option('--children', 'those below it too')
    .description('remove a mailbox with its messages')
    .addHelpText('after', '\nThe messages can be brought back for a while: peerpost account undelete.')
    .action(
      act((output, options, address: string, name: string) =>
        withAccount(options, address, async (of) => {
          const { id, name: removed } = await of.mailbox(name);
          await of.ask('deleteMailbox', { params: { id }, query: { children: options.children === true } });
          output.result({ id, name: removed }, () => `removed ${removed}`);
        }),
      ),
    );
}

async function change(of: OfAccount, name: string, body: object): Promise<MailboxItem> {
  return await of.ask<MailboxItem>('updateMailbox', { params: { id: (await of.mailbox(name)).id }, body });
}

function settings({ role, subscribed }: Options): object {
  if (role === undefined && subscribed === undefined) throw new UsageError('give --role or --subscribed');
  return {
    ...(role !== undefined && { role: role === 'none' ? null : role }),
    ...(subscribed !== undefined && { subscribed: subscribed === 'on' }),
  };
}

function inWords({ name, role, messages, unread, size, subscribed, id }: MailboxItem): string {
  return [
    `${name}${role === null ? '' : ` (${role})`}`,
    `${messages} messages, ${unread} unread, ${octets(size)}`,
    subscribed ? 'subscribed' : 'not subscribed',
    `id ${id}`,
  ].join('\n');
}
