/** `peerpost message add|flag|move|copy|delete`: by ids, or all that a query finds. */
import type { Command } from 'commander';
import type { Act, Options } from '../act.ts';
import { uploadOf } from '../content.ts';
import { type OfAccount, withAccount } from '../operations.ts';
import { type Output, UsageError } from '../output.ts';
import { QUERY_HELP, queryOf } from './mail-query.ts';

interface Changed {
  readonly changed: number;
  readonly notFound: readonly string[];
}

interface Imported {
  readonly imported: number;
  readonly refused: number;
  readonly refusals: readonly { readonly index: number; readonly detail: string }[];
}

const BY_QUERY = `
Give ids, or --query, --mailbox or both for all that they find.${QUERY_HELP}`;
/** Ids of one request. */
const SLICE = 1_000;

export function addMessageChangeCommands(message: Command, act: Act): void {
  addCommand(message, act);

  many(message, act, 'flag', 'mark messages, by keywords', (options) => ({
    change: keywordsOf(options),
  }))
    .option('--add <keyword...>', 'such as $seen, $flagged, $answered or one of your own')
    .option('--remove <keyword...>')
    .addHelpText('after', `${BY_QUERY}\n\n  peerpost message flag bob@example.org --mailbox Lists --add '$seen'`);

  many(message, act, 'move', 'move messages into a mailbox', async (options, of) => ({
    change: { mailboxIds: [(await of.mailbox(String(options.to))).id] },
  }))
    .requiredOption('--to <name>', 'its path, role or id')
    .addHelpText('after', BY_QUERY);

  many(message, act, 'copy', 'put messages into a further mailbox', async (options, of) => ({
    change: { addMailboxIds: [(await of.mailbox(String(options.to))).id] },
  }))
    .requiredOption('--to <name>', 'its path, role or id')
    .addHelpText('after', BY_QUERY);

  many(message, act, 'delete', 'delete messages, into the Trash', ({ permanent }) => ({
    delete: permanent ? 'permanent' : 'trash',
  }))
    .option('--permanent', 'for good (as far as peerpost account undelete does not bring them back)')
    .addHelpText('after', BY_QUERY);
}

type What = (options: Options, of: OfAccount) => object | Promise<object>;

/** A change of many messages. */
function many(message: Command, act: Act, name: string, description: string, what: What): Command {
  return message
    .command(name)
    .argument('<address>')
    .argument('[id...]')
    .option('--mailbox <name>', 'all that is in this mailbox: its path, role or id')
    .option('--query <query>', 'all that it finds')
    .description(description)
    .action(
      act((output, options, address: string, ids: readonly string[]) => {
        checkWhich(options, ids);
        return withAccount(options, address, async (of) => {
          const body = await what(options, of);
          await told(output, ids.length > 0 ? await byIds(of, ids, body) : await byQuery(of, options, body));
        });
      }),
    );
}

function checkWhich({ mailbox, query }: Options, ids: readonly string[]): void {
  const found = mailbox !== undefined || query !== undefined;
  if (found === ids.length > 0) throw new UsageError('give ids, or else --query, --mailbox or both');
}

async function byQuery(of: OfAccount, options: Options, body: object): Promise<Changed> {
  return await of.ask('changeMessages', { body: { ...(await queryOf(of, options)), ...body } });
}

async function byIds(of: OfAccount, ids: readonly string[], body: object): Promise<Changed> {
  let changed = 0;
  const notFound: string[] = [];
  for (let at = 0; at < ids.length; at += SLICE) {
    const done: Changed = await of.ask('changeMessages', { body: { ids: ids.slice(at, at + SLICE), ...body } });
    changed += done.changed;
    notFound.push(...done.notFound);
  }
  return { changed, notFound };
}

async function told(output: Output, done: Changed): Promise<void> {
  output.result(done, () =>
    [
      `${done.changed} message${done.changed === 1 ? '' : 's'}`,
      ...done.notFound.map((id) => `there is no message ${id}`),
    ].join('\n'),
  );
  if (done.notFound.length > 0) process.exitCode = 1;
}

function keywordsOf({ add, remove }: Options): object {
  if (add === undefined && remove === undefined) throw new UsageError('give --add or --remove');
  return { ...(add !== undefined && { addKeywords: add }), ...(remove !== undefined && { removeKeywords: remove }) };
}

function addCommand(message: Command, act: Act): void {
  message
    .command('add')
    .argument('<address>')
    .argument('<file>', 'a message (.eml) or an mbox; - is standard input')
    .option('--mailbox <name>', 'its path, role or id', 'INBOX')
    .option('--keyword <keyword...>', 'such as $seen')
    .option('--received <time>', 'RFC 3339, instead of what the file says or now')
    .description('put messages from a file into a mailbox')
    .addHelpText('after', '\nFrom another server: peerpost account import.')
    .action(
      act((output, options, address: string, file: string) =>
        withAccount(options, address, async (of) => {
          const query = {
            mailbox: (await of.mailbox(String(options.mailbox))).id,
            ...(Array.isArray(options.keyword) && { keywords: options.keyword.join(',') }),
            ...(options.received !== undefined && { receivedAt: options.received }),
          };
          const upload = await uploadOf(file, 'application/octet-stream');
          const done = await of.ask<Imported>('importMessages', { query, upload });
          output.result(done, () =>
            [
              `added ${done.imported} message${done.imported === 1 ? '' : 's'}`,
              ...done.refusals.map(({ index, detail }) => `message ${index + 1} was refused: ${detail}`),
            ].join('\n'),
          );
          if (done.refused > 0) process.exitCode = 1;
        }),
      ),
    );
}
