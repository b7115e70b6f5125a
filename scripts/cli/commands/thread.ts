/** `peerpost thread`: an account's conversations. */
import type { Command } from 'commander';
import type { Act } from '../act.ts';
import { readLimit } from '../arguments.ts';
import { people, withAccount } from '../operations.ts';
import { table } from '../output.ts';
import { QUERY_HELP, queryOf } from './mail-query.ts';
import { type MessageItem, messageTable } from './message.ts';

interface ThreadItem {
  readonly id: string;
  readonly messages: number;
  readonly unread: number;
  readonly latest: MessageItem;
}

export function addThreadCommands(program: Command, act: Act): void {
  const thread = program.command('thread').description("an account's conversations");
  thread
    .command('list')
    .argument('<address>')
    .option('--mailbox <name>', 'with a message in this mailbox: its path, role or id')
    .option('--query <query>', 'with a message that it finds')
    .option('--limit <n>', 'how many at most', '50')
    .description('list or search threads, the newest first')
    .addHelpText('after', QUERY_HELP)
    .action(
      act((output, options, address: string) =>
        withAccount(options, address, async (of) => {
          const query = await queryOf(of, options);
          const page = await of.list<ThreadItem>('listThreads', readLimit(options.limit), { query });
          output.result(page, () => threadTable(page.items));
        }),
      ),
    );
  thread
    .command('show')
    .argument('<address>')
    .argument('<id>')
    .description('the messages of one thread, the oldest first')
    .action(
      act((output, options, address: string, id: string) =>
        withAccount(options, address, async ({ ask }) => {
          const found = await ask<{ messages: readonly MessageItem[] }>('getThread', { params: { id } });
          output.result(found, () => messageTable(found.messages));
        }),
      ),
    );
}

function threadTable(items: readonly ThreadItem[]): string {
  if (items.length === 0) return 'no threads';
  return table(
    ['ID', 'LAST', 'MESSAGES', 'UNREAD', 'LAST FROM', 'SUBJECT'],
    items.map(({ id, messages, unread, latest }) => [
      id,
      latest.receivedAt,
      String(messages),
      String(unread),
      people(latest.from),
      latest.subject,
    ]),
  );
}
