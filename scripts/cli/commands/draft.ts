/** `peerpost draft`: what an account has begun to write. */
import type { Command } from 'commander';
import type { Act } from '../act.ts';
import { readLimit } from '../arguments.ts';
import { readJson } from '../content.ts';
import { withAccount } from '../operations.ts';
import { type MessageItem, messageTable, messageText, type ParsedMessage } from './message.ts';
import { type Sent, sendingOf, sendingOptions, sentText } from './submission.ts';

export function addDraftCommands(program: Command, act: Act): void {
  const draft = program.command('draft').description("an account's drafts");

  draft
    .command('list')
    .argument('<address>')
    .option('--limit <n>', 'how many at most', '50')
    .description('all drafts')
    .action(
      act((output, options, address: string) =>
        withAccount(options, address, async ({ list }) => {
          const page = await list<MessageItem>('listDrafts', readLimit(options.limit));
          output.result(page, () => messageTable(page.items));
        }),
      ),
    );

  draft
    .command('show')
    .argument('<address>')
    .argument('<id>')
    .description('one draft')
    .action(
      act((output, options, address: string, id: string) =>
        withAccount(options, address, async ({ ask }) => {
          const found = await ask<ParsedMessage>('getDraft', { params: { id } });
          output.result(found, () => messageText(found));
        }),
      ),
    );

  draft
    .command('add')
    .argument('<address>')
    .argument('<file>', 'the draft as JSON, as POST /drafts takes it; - is standard input')
    .description('store a draft')
    .action(
      act((output, options, address: string, file: string) =>
        withAccount(options, address, async ({ ask }) => {
          const stored = await ask<{ id: string }>('createDraft', { body: await readJson(file) });
          output.result(stored, () => `stored ${stored.id}`);
        }),
      ),
    );

  draft
    .command('replace')
    .argument('<address>')
    .argument('<id>')
    .argument('<file>', 'the new draft as JSON; - is standard input')
    .description('write a draft anew; it gets a new id, which is printed')
    .action(
      act((output, options, address: string, id: string, file: string) =>
        withAccount(options, address, async ({ ask }) => {
          const stored = await ask<{ id: string }>('replaceDraft', { params: { id }, body: await readJson(file) });
          output.result(stored, () => `stored ${stored.id}`);
        }),
      ),
    );

  draft
    .command('remove')
    .argument('<address>')
    .argument('<id>')
    .description('delete a draft')
    .action(
      act((output, options, address: string, id: string) =>
        withAccount(options, address, async ({ ask }) => {
          await ask('deleteDraft', { params: { id } });
          output.result({ id }, () => `removed ${id}`);
        }),
      ),
    );

  sendingOptions(draft.command('send').argument('<address>').argument('<id>'))
    .description('send a draft')
    .action(
      act((output, options, address: string, id: string) =>
        withAccount(options, address, async ({ ask }) => {
          const sent = await ask<Sent>('sendDraft', { params: { id }, body: sendingOf(options) });
          output.result(sent, () => sentText(sent));
        }),
      ),
    );
}
