import { type Command, Option } from 'commander';
import {
  actOnQueue,
  listQueue,
  QUEUE_ACTS,
  type QueueAct,
  type QueueFilter,
  type QueueItem,
  showQueued,
} from '#admin/queue.ts';
import { type Act, type Options, withSystem } from '../act.ts';
import { duration, octets, table, UsageError } from '../output.ts';
import { CLI } from '../system.ts';

const DESCRIPTIONS: Readonly<Record<QueueAct, string>> = {
  retry: 'try again now',
  hold: 'keep from being tried until released',
  release: 'let a held message be tried again',
  drop: 'end without a report to the sender',
};

export function addQueueCommands(program: Command, act: Act): void {
  const queue = program.command('queue').description('mail that waits to leave');

  filtered(queue.command('list'))
    .description('all messages in the queue, oldest first')
    .addHelpText('after', FILTER_HELP)
    .action(
      act((output, options) =>
        withSystem(options, async (system) => {
          const { items } = await listQueue(system, filterOf(options));
          output.result({ items }, () => listText(items));
        }),
      ),
    );

  queue
    .command('show')
    .argument('<id>')
    .description('one message: each recipient, its attempts and what the other side said')
    .action(
      act((output, options, id: string) =>
        withSystem(options, async (system) => {
          const item = await showQueued(system, id);
          output.result(item, () => showText(item));
        }),
      ),
    );

  for (const name of QUEUE_ACTS) {
    filtered(queue.command(name))
      .argument('[id...]')
      .option('--all', 'every message in the queue')
      .description(DESCRIPTIONS[name])
      .addHelpText('after', FILTER_HELP)
      .action(
        act((output, options, ids: string[]) =>
          withSystem(options, async (system) => {
            const { items } = await actOnQueue(system, { act: name, what: chosen(name, ids, options) }, CLI);
            output.result({ items }, () => `${name}: ${items.length} ${items.length === 1 ? 'message' : 'messages'}`);
          }),
        ),
      );
  }
}

const FILTER_HELP = `
Filters narrow down together:
  --state held|waiting|deferred   deferred: tried at least once, in vain
  --domain example.org            a recipient there is still waiting
  --sender ADDRESS                also @example.org for all of a domain, or "<>" for reports`;

function filtered(command: Command): Command {
  return command
    .addOption(new Option('--state <state>', 'messages in this state').choices(['held', 'waiting', 'deferred']))
    .option('--domain <domain>', 'messages for this domain')
    .option('--sender <address>', 'messages from this address or @domain');
}

function filterOf({ state, domain, sender }: Options): QueueFilter {
  return {
    ...(typeof state === 'string' && { state: state as NonNullable<QueueFilter['state']> }),
    ...(typeof domain === 'string' && { domain }),
    ...(typeof sender === 'string' && { sender }),
  };
}

/** Exactly one way to say which. */
function chosen(name: string, ids: readonly string[], options: Options): readonly string[] | QueueFilter | 'all' {
  const filter = filterOf(options);
  const ways = [ids.length > 0, Boolean(options.all), Object.keys(filter).length > 0].filter(Boolean).length;
  if (ways !== 1)
    throw new UsageError(`give ids, --all or a filter: peerpost queue ${name} ID… | --all | --domain DOMAIN`);
  if (options.all) return 'all';
  return ids.length > 0 ? ids : filter;
}

function listText(items: readonly QueueItem[]): string {
  if (items.length === 0) return 'the queue is empty';
  const rows = items.map((item) => {
    const waiting = item.recipients.filter((r) => r.state === 'pending');
    const state = item.held ? 'held' : `${waiting.length} waiting`;
    const reason = waiting.find((r) => r.lastReply !== undefined)?.lastReply ?? '';
    return [item.id, octets(item.size), duration(Date.now() - Date.parse(item.arrivedAt)), item.from, state, reason];
  });
  return table(['ID', 'SIZE', 'AGE', 'FROM', 'STATE', 'LAST REPLY'], rows);
}

function showText(item: QueueItem): string {
  const head = `${item.id}  from ${item.from}  ${octets(item.size)}  arrived ${item.arrivedAt}  expires ${item.expiresAt}${item.held ? '  held' : ''}`;
  const rows = item.recipients.map((r) => [
    r.address,
    r.state,
    String(r.attempts),
    r.nextAttemptAt ?? '',
    r.remoteMta ?? '',
    r.lastReply ?? '',
  ]);
  return `${head}\n${table(['RECIPIENT', 'STATE', 'TRIES', 'NEXT', 'HOST', 'LAST REPLY'], rows)}`;
}
