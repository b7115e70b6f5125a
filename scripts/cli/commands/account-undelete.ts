/** `peerpost account undelete`: what was expunged, and is still retained. */
import type { Command } from 'commander';
import { systemClock } from '#runtime/system.ts';
import type { Act, Options } from '../act.ts';
import { readLimit, readPast } from '../arguments.ts';
import { type OfAccount, type Page, people, withAccount } from '../operations.ts';
import { type Output, table, UsageError } from '../output.ts';

interface Expunged {
  readonly id: string;
  readonly subject: string;
  readonly from: readonly { readonly name: string; readonly email: string }[];
  readonly expungedAt: string;
  readonly mailbox?: { readonly name: string; readonly removed: boolean };
}

interface Restored {
  readonly restored: number;
  readonly messages: readonly { readonly id: string; readonly mailboxId: string; readonly uid: number }[];
  readonly present: readonly string[];
  readonly gone: readonly string[];
}

/** Ids of one request. */
const SLICE = 500;

export function addAccountUndeleteCommand(account: Command, act: Act): void {
  account
    .command('undelete')
    .argument('<address>')
    .argument('[id...]', 'messages, as --list names them')
    .option('--list', 'only show what there is')
    .option('--since <time>', 'all that was expunged since then: 2h, 3d, 2027-01-31 or 2027-01-31T12:00:00Z')
    .option('--all', 'everything that is still kept')
    .option('--mailbox <name>', 'restore into this mailbox, instead of the one that each message was in')
    .option('--limit <n>', 'with --list: how many at most', '100')
    .description('bring back messages that were deleted for good, while they are kept')
    .addHelpText(
      'after',
      `
What was expunged (by a mail program, over POP3 or REST, or with its mailbox) is kept for store.expunged-retention,
7 days as a rule, and doesn't count for the quota. A message comes back into the mailbox that it went from last, which
is made anew if it is gone: with its flags, date and thread, under a new UID. Mail programs see it at once; POP3
programs that have fetched it before don't fetch it again. What was only moved is not here: it is where it was moved to.

  peerpost account undelete bob@example.org --list --since 1d
  peerpost account undelete bob@example.org m4r8zj6t0q2w5x7y9a1c3e5g
  peerpost account undelete bob@example.org --since 2h --mailbox Restored

Over the quota nothing (with --since or --all: nothing more) is restored.`,
    )
    .action(
      act((output, options, address: string, ids: readonly string[]) => {
        const wanted = wantedOf(options, ids);
        return withAccount(options, address, (of) =>
          options.list ? list(of, output, options, wanted.since) : restore(of, output, options, wanted),
        );
      }),
    );
}

interface Wanted {
  readonly ids: readonly string[];
  /** RFC 3339. */
  readonly since?: string;
}

function wantedOf(options: Options, ids: readonly string[]): Wanted {
  const { since, all, list } = options;
  const ways = [ids.length > 0, since !== undefined, all === true].filter(Boolean).length;
  if (ways > 1) throw new UsageError('give ids, --since or --all, not two of them');
  if (list && ids.length > 0) throw new UsageError('--list takes no ids');
  if (ways === 0 && !list) throw new UsageError('give ids, --since or --all; see what there is with --list');
  if (typeof since === 'string') return { ids, since: timeText(readPast(since, systemClock.now())) };
  return all ? { ids, since: timeText(0) } : { ids };
}

const timeText = (ms: number): string => new Date(Math.max(0, ms)).toISOString();

async function list({ address, list }: OfAccount, output: Output, options: Options, since: string | undefined) {
  const page: Page<Expunged> = await list('listAccountExpunged', readLimit(options.limit), {
    params: { id: address },
    query: since === undefined ? {} : { since },
  });
  output.result(page, () =>
    page.items.length === 0
      ? 'nothing that could be brought back'
      : table(
          ['ID', 'EXPUNGED', 'MAILBOX', 'FROM', 'SUBJECT'],
          page.items.map(({ id, expungedAt, mailbox, from, subject }) => [
            id,
            expungedAt,
            mailbox === undefined ? '?' : `${mailbox.name}${mailbox.removed ? ' (removed)' : ''}`,
            people(from),
            subject,
          ]),
        ),
  );
}

async function restore(of: OfAccount, output: Output, options: Options, { ids, since }: Wanted): Promise<void> {
  const mailbox = typeof options.mailbox === 'string' ? { mailbox: (await of.mailbox(options.mailbox)).id } : {};
  const ask = (body: object): Promise<Restored> =>
    of.ask('restoreAccountExpunged', { params: { id: of.address }, body: { ...body, ...mailbox } });
  if (since !== undefined) return told(output, await ask({ since }));
  const done = { restored: 0, messages: [] as object[], present: [] as string[], gone: [] as string[] };
  for (let at = 0; at < ids.length; at += SLICE) {
    const { restored, messages, present, gone } = await ask({ ids: ids.slice(at, at + SLICE) });
    done.restored += restored;
    done.messages.push(...messages);
    done.present.push(...present);
    done.gone.push(...gone);
  }
  told(output, done);
  // Whoever named it wants to hear of it.
  if (done.gone.length > 0) process.exitCode = 1;
}

function told(output: Output, done: Omit<Restored, 'messages'>): void {
  output.result(done, () =>
    [
      `restored ${done.restored} message${done.restored === 1 ? '' : 's'}`,
      ...done.present.map((id) => `${id} is in a mailbox already`),
      ...done.gone.map((id) => `${id} can't be brought back any more, or never was here`),
    ].join('\n'),
  );
}
