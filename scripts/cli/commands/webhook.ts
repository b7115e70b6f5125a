/** `peerpost webhook`: who is told of what happens in an account. */
import { type Command, Option } from 'commander';
import type { Act, Options } from '../act.ts';
import { withAccount } from '../operations.ts';
import { CommandError, harmless, table, UsageError } from '../output.ts';

interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly description?: string;
  readonly events: readonly string[];
  readonly enabled: boolean;
  readonly createdAt: string;
  readonly state: string;
  readonly reason?: string;
  readonly waiting: number;
}

interface Delivery {
  readonly id: string;
  readonly type: string;
  readonly at: string;
  readonly attempt: number;
  readonly ok: boolean;
  readonly status?: number;
  readonly error?: string;
  readonly duration: number;
  readonly test: boolean;
}

const SETTINGS = `
Without --event all events are told; a type's beginning stands for all of its kind (message). The secret begins with
whsec_ and is what the receiver checks signatures with, as Standard Webhooks has it.`;

export function addWebhookCommands(program: Command, act: Act): void {
  const webhook = program.command('webhook').description('who is told over HTTPS of what happens in an account');
  addLooks(webhook, act);

  settings(webhook.command('add').argument('<address>').argument('<url>'))
    .description('make a webhook, and print its secret; it is shown this once')
    .addHelpText(
      'after',
      `${SETTINGS}\n\n  peerpost webhook add bob@example.org https://app.example.org/mail --event message`,
    )
    .action(
      act((output, options, address: string, url: string) =>
        withAccount(options, address, async ({ ask }) => {
          const made = await ask<Webhook & { secret: string }>('createWebhook', { body: { url, ...given(options) } });
          output.result(made, () => `made ${made.id}; its secret is ${made.secret}`);
        }),
      ),
    );

  settings(webhook.command('set').argument('<address>').argument('<id>'))
    .option('--url <url>')
    .addOption(
      new Option('--enabled <switch>', 'switched on again, it begins with what happens then').choices(['on', 'off']),
    )
    .description('change a webhook')
    .addHelpText('after', SETTINGS)
    .action(
      act((output, options, address: string, id: string) =>
        withAccount(options, address, async ({ ask }) => {
          const { url, enabled } = options;
          const body = {
            ...given(options),
            ...(url !== undefined && { url }),
            ...(enabled !== undefined && { enabled: enabled === 'on' }),
          };
          if (Object.keys(body).length === 0) throw new UsageError('what is to be changed?');
          const changed = await ask<Webhook>('changeWebhook', { params: { id }, body });
          output.result(changed, () => harmless(inWords(changed)));
        }),
      ),
    );

  webhook
    .command('remove')
    .argument('<address>')
    .argument('<id>')
    .description('remove a webhook')
    .action(
      act((output, options, address: string, id: string) =>
        withAccount(options, address, async ({ ask }) => {
          await ask('deleteWebhook', { params: { id } });
          output.result({ id }, () => `removed ${id}`);
        }),
      ),
    );
}

function addLooks(webhook: Command, act: Act): void {
  webhook
    .command('list')
    .argument('<address>')
    .description("an account's webhooks")
    .action(
      act((output, options, address: string) =>
        withAccount(options, address, async ({ ask }) => {
          const page = await ask<{ items: readonly Webhook[] }>('listWebhooks');
          output.result(page, () =>
            table(
              ['ID', 'STATE', 'EVENTS', 'WAITING', 'URL'],
              page.items.map((one) => [one.id, one.state, eventsText(one), String(one.waiting), one.url]),
            ),
          );
        }),
      ),
    );

  webhook
    .command('show')
    .argument('<address>')
    .argument('<id>')
    .description('one webhook, and how it stands')
    .action(
      act((output, options, address: string, id: string) =>
        withAccount(options, address, async ({ ask }) => {
          const found = await ask<Webhook>('getWebhook', { params: { id } });
          output.result(found, () => harmless(inWords(found)));
        }),
      ),
    );

  webhook
    .command('test')
    .argument('<address>')
    .argument('<id>')
    .description('post a test event from here now, and say what was answered')
    .addHelpText('after', '\nExit status 1 where the receiver did not take it.')
    .action(
      act((output, options, address: string, id: string) =>
        withAccount(options, address, async ({ ask }) => {
          const told = await ask<Delivery>('testWebhook', { params: { id } });
          if (!told.ok && !output.json) throw new CommandError('rejected', `not taken: ${outcome(told)}`);
          output.result(told, () => `taken: ${outcome(told)} in ${told.duration} s`);
          if (!told.ok) process.exitCode = 1;
        }),
      ),
    );

  webhook
    .command('deliveries')
    .argument('<address>')
    .argument('<id>')
    .description('what was posted last, and what was answered')
    .action(
      act((output, options, address: string, id: string) =>
        withAccount(options, address, async ({ ask }) => {
          const page = await ask<{ items: readonly Delivery[] }>('listWebhookDeliveries', { params: { id } });
          output.result(page, () =>
            table(
              ['AT', 'TYPE', 'ATTEMPT', 'ANSWER', 'ID'],
              page.items.map((one) => [one.at, one.type, String(one.attempt), outcome(one), one.id]),
            ),
          );
        }),
      ),
    );
}

function settings(command: Command): Command {
  return command
    .option('--event <type...>', 'only these')
    .option('--description <text>', 'for people')
    .option('--secret <secret>', 'instead of one that is made');
}

function given({ event, description, secret }: Options): object {
  return {
    ...(event !== undefined && { events: event }),
    ...(description !== undefined && { description }),
    ...(secret !== undefined && { secret }),
  };
}

const eventsText = ({ events }: Webhook): string => (events.length === 0 ? 'all' : events.join(','));

const outcome = ({ status, error }: Delivery): string => (status === undefined ? (error ?? '?') : String(status));

function inWords(webhook: Webhook): string {
  const { id, url, description, createdAt, state, reason, waiting } = webhook;
  return [
    `${id}: ${url}`,
    ...(description === undefined ? [] : [description]),
    `${state}${reason === undefined ? '' : `: ${reason}`}`,
    `events: ${eventsText(webhook)}; ${waiting} to be tried again; made ${createdAt}`,
  ].join('\n');
}
