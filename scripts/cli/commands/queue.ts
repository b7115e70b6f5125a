import type { Command } from 'commander';
import { formatAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { formatReply } from '#mail/smtp/reply.ts';
import type { Queue, QueueEntry, QueueRecipient } from '#store/queue.ts';
import { type Act, withSystem } from '../act.ts';
import { CommandError, duration, octets, table, timestamp, UsageError } from '../output.ts';

const PAGE = 500;

export function addQueueCommands(program: Command, act: Act): void {
  const queue = program.command('queue').description('mail that waits to leave');

  queue
    .command('list')
    .description('all messages in the queue, oldest first')
    .action(
      act((output, options) =>
        withSystem(options, async (system) => {
          const items = (await everyEntry(system.queue)).map(describeEntry);
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
          const entry = await system.queue.get(id);
          if (entry === undefined)
            throw new CommandError(
              'no-such-message',
              `there is no message ${id} in the queue; see: peerpost queue list`,
            );
          const item = describeEntry(entry);
          output.result(item, () => showText(item));
        }),
      ),
    );

  const acts = [
    ['retry', 'try again now'],
    ['hold', 'keep from being tried until released'],
    ['release', 'let a held message be tried again'],
    ['drop', 'end without a report to the sender'],
  ] as const;
  for (const [name, description] of acts) {
    queue
      .command(name)
      .argument('[id...]')
      .option('--all', 'every message in the queue')
      .description(description)
      .action(
        act((output, options, ids: string[]) =>
          withSystem(options, async (system) => {
            if (ids.length > 0 === Boolean(options.all))
              throw new UsageError(`give ids or --all: peerpost queue ${name} ID… | --all`);
            const done = await system.queue.act(name, options.all ? 'all' : ids, Date.now());
            const missing = ids.filter((id) => !done.includes(id));
            if (missing.length > 0)
              throw new CommandError(
                'no-such-message',
                `not in the queue: ${missing.join(' ')} (${name}: ${done.length} done)`,
              );
            output.result(
              { items: done },
              () => `${name}: ${done.length} ${done.length === 1 ? 'message' : 'messages'}`,
            );
          }),
        ),
      );
  }
}

async function everyEntry(queue: Queue): Promise<QueueEntry[]> {
  const entries: QueueEntry[] = [];
  for (;;) {
    const last = entries.at(-1);
    const page = await queue.list({ limit: PAGE, ...(last === undefined ? {} : { after: last.id }) });
    entries.push(...page);
    if (page.length < PAGE) return entries;
  }
}

const addressText = (address: Address | null) => (address === null ? '<>' : formatAddress(address));

function describeEntry(entry: QueueEntry) {
  return {
    id: entry.id,
    from: addressText(entry.reversePath),
    size: entry.size,
    arrived: timestamp(entry.arrivedAt),
    expires: timestamp(entry.expiresAt),
    held: entry.held,
    recipients: entry.recipients.map(describeRecipient),
  };
}

function describeRecipient(recipient: QueueRecipient) {
  return {
    address: addressText(recipient.address),
    state: recipient.state,
    attempts: recipient.attempts,
    ...(recipient.state === 'pending' ? { nextAttempt: timestamp(recipient.nextAttemptAt) } : {}),
    ...(recipient.lastAttemptAt === undefined ? {} : { lastAttempt: timestamp(recipient.lastAttemptAt) }),
    ...(recipient.lastReply === undefined
      ? {}
      : { lastReply: formatReply(recipient.lastReply).trimEnd().replaceAll('\r\n', ' / ') }),
    ...(recipient.remoteMta === undefined ? {} : { remoteMta: recipient.remoteMta }),
  };
}

type Item = ReturnType<typeof describeEntry>;

function listText(items: readonly Item[]): string {
  if (items.length === 0) return 'the queue is empty';
  const rows = items.map((item) => {
    const waiting = item.recipients.filter((r) => r.state === 'pending');
    const state = item.held ? 'held' : `${waiting.length} waiting`;
    const reason = waiting.find((r) => r.lastReply !== undefined)?.lastReply ?? '';
    return [item.id, octets(item.size), duration(Date.now() - Date.parse(item.arrived)), item.from, state, reason];
  });
  return table(['ID', 'SIZE', 'AGE', 'FROM', 'STATE', 'LAST REPLY'], rows);
}

function showText(item: Item): string {
  const head = `${item.id}  from ${item.from}  ${octets(item.size)}  arrived ${item.arrived}  expires ${item.expires}${item.held ? '  held' : ''}`;
  const rows = item.recipients.map((r) => [
    r.address,
    r.state,
    String(r.attempts),
    r.nextAttempt ?? '',
    r.remoteMta ?? '',
    r.lastReply ?? '',
  ]);
  return `${head}\n${table(['RECIPIENT', 'STATE', 'TRIES', 'NEXT', 'HOST', 'LAST REPLY'], rows)}`;
}
