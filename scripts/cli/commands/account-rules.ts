/** `peerpost account filters|senders`, `peerpost senders`: what is done with mail that comes in. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { listFilters, readFilters, setFilters } from '#admin/filters.ts';
import { changedSenders, editSenders, type SenderChanges, showSenders } from '#admin/senders.ts';
import { type TriedFilters, tryFilters } from '#admin/try-filters.ts';
import type { Filter, SenderLists } from '#store/account-rules.ts';
import { findAccount } from '#store/accounts.ts';
import type { Mailbox } from '#store/types.ts';
import { type Act, type Options, withSystem } from '../act.ts';
import { readStandardInput } from '../input.ts';
import { octets, table } from '../output.ts';
import { CLI, type System } from '../system.ts';

export function addAccountRuleCommands(account: Command, act: Act): void {
  account
    .command('filters')
    .argument('<address>')
    .option('--apply <file>', 'replace them by those of a JSON file; - is standard input')
    .option(
      '--test <message>',
      'what they (or those of --apply, which are not kept then) would do with a message, by its id',
    )
    .description("show, replace or try an account's filters: what is done with mail that comes in")
    .addHelpText(
      'after',
      `
They are tried in their order; all that "when" asks must hold. What they say adds up, but for the place: the first that
fits and names one decides. Edit what --json prints, and apply it:

  {"items": [{"name": "lists", "when": {"listId": "lists.example.org"}, "then": {"mailbox": "Lists"}, "stop": true}]}

when: from, to, subject, listId, text, header {name, contains}, larger, smaller, hasAttachment
then: mailbox (name or id), keywords, junk, discard, forward [addresses]`,
    )
    .action(
      act((output, options, address: string) =>
        withSystem(options, async (system) => {
          if (typeof options.test === 'string') {
            const tried = await tryOut(system, address, options.test, options);
            output.result(tried, () => triedText(tried));
            return;
          }
          const filters = await applied(options);
          const done = await (filters === undefined
            ? listFilters(system, address)
            : setFilters(system, { address, filters }, CLI));
          const mailboxes = await mailboxesOf(system, address);
          output.result(done, () => filtersText(address, done.items, mailboxes));
        }),
      ),
    );

  addSenderOptions(account.command('senders').argument('<address>'))
    .description('show or change from whom an account takes mail, and from whom it does not')
    .addHelpText('after', SENDERS_HELP)
    .action(
      act((output, options, address: string) =>
        withSystem(options, async (system) => {
          const done = await senders(system, address, options);
          output.result(done, () => sendersText(done));
        }),
      ),
    );
}

export function addSenderCommand(program: Command, act: Act): void {
  addSenderOptions(program.command('senders'))
    .description('show or change from whom the whole peer takes no mail')
    .addHelpText('after', `${SENDERS_HELP}\nIt counts for everybody who did not log in.`)
    .action(
      act((output, options) =>
        withSystem(options, async (system) => {
          const done = await senders(system, undefined, options);
          output.result(done, () => sendersText(done));
        }),
      ),
    );
}

const SENDERS_HELP = `
A sender is user@domain, @domain, or .domain for a domain and all below it: of the envelope, and of From. Mail of who is
blocked is refused with 550. Who is allowed too is not blocked, and no filter takes it for junk. postmaster and abuse
get all mail. Without an option it shows what is set.`;

const addSenderOptions = (command: Command): Command =>
  command
    .option('--block <sender...>', 'take no mail from them')
    .option('--allow <sender...>', 'take mail from them, whatever else is said')
    .option('--remove <sender...>', 'from either list');

async function senders(system: System, address: string | undefined, options: Options): Promise<SenderLists> {
  const { allow, block, remove } = options;
  if (allow === undefined && block === undefined && remove === undefined) return await showSenders(system, address);
  const list = (given: unknown): readonly string[] => (Array.isArray(given) ? given.map(String) : []);
  const changes: SenderChanges = { allow: list(allow), block: list(block), remove: list(remove) };
  return await editSenders(system, address, (current) => changedSenders(current, changes), CLI);
}

async function applied({ apply }: Options) {
  if (typeof apply !== 'string') return undefined;
  // The checker of documents takes longer to load than most commands to run.
  const { parseFilters } = await import('#admin/filter-shapes.ts');
  return parseFilters(apply === '-' ? await readStandardInput() : await readFile(apply, 'utf8'));
}

async function tryOut(system: System, address: string, message: string, options: Options): Promise<TriedFilters> {
  const written = await applied(options);
  const filters = written && (await readFilters(system, address, written));
  return await tryFilters(system, { address, message, ...(filters && { filters }) });
}

async function mailboxesOf({ directory, store }: System, address: string): Promise<readonly Mailbox[]> {
  const account = await findAccount(directory, address);
  if (account?.state !== 'active') return [];
  return (await store.mailboxes({ owner: account.id, viewer: account.id })).mailboxes;
}

function filtersText(address: string, filters: readonly Filter[], mailboxes: readonly Mailbox[]): string {
  if (filters.length === 0) return `${address} has no filters`;
  return table(
    ['NAME', 'WHEN', 'THEN'],
    filters.map((filter) => [
      `${filter.name}${filter.enabled ? '' : ' (off)'}`,
      whenText(filter),
      thenText(filter, mailboxes),
    ]),
  );
}

function whenText({ when }: Filter): string {
  const { from, to, subject, listId, text, header, larger, smaller, hasAttachment } = when;
  const texts = Object.entries({ from, to, subject, 'list-id': listId, text });
  const parts = [
    ...texts.flatMap(([name, value]) => (value === undefined ? [] : [`${name} "${value}"`])),
    ...(header ? [`${header.name}: "${header.contains}"`] : []),
    ...(larger === undefined ? [] : [`larger than ${octets(larger)}`]),
    ...(smaller === undefined ? [] : [`smaller than ${octets(smaller)}`]),
    ...(hasAttachment === undefined ? [] : [hasAttachment ? 'an attachment' : 'no attachment']),
  ];
  return parts.join(', ') || 'always';
}

function thenText({ then, stop }: Filter, mailboxes: readonly Mailbox[]): string {
  const { mailbox, keywords = [], junk, discard, forward } = then;
  const parts = [
    ...(mailbox === undefined
      ? []
      : [`to ${mailboxes.find(({ id }) => id === mailbox)?.name ?? 'INBOX (its mailbox is gone)'}`]),
    ...(junk ? ['junk'] : []),
    ...(discard ? ['discard'] : []),
    ...keywords,
    ...(forward ? [`forward to ${forward.join(', ')}`] : []),
    ...(stop ? ['stop'] : []),
  ];
  return parts.join('; ');
}

function triedText({ sender, matched, place, mailbox, keywords, forward }: TriedFilters): string {
  return [
    `sender: ${sender}`,
    `filters: ${matched.map(({ name }) => name).join(', ') || 'none fits'}`,
    `place: ${mailbox === undefined ? place : `mailbox ${mailbox}`}`,
    ...(keywords.length > 0 ? [`keywords: ${keywords.join(' ')}`] : []),
    ...(forward.length > 0 ? [`forward: ${forward.join(', ')}`] : []),
  ].join('\n');
}

function sendersText({ allow, block }: SenderLists): string {
  const rows = [...allow.map((text) => ['allow', text]), ...block.map((text) => ['block', text])];
  return rows.length === 0 ? 'nobody is on a list' : table(['LIST', 'SENDER'], rows);
}
