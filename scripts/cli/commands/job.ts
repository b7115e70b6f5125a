/** `peerpost job`: what the running peer does in the background: imports, exports, restores and moves that were started over REST. */
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { MailError } from '#mail/failure.ts';
import { systemClock } from '#runtime/system.ts';
import { JobBook } from '#transfer/jobs/book.ts';
import { JobFiles } from '#transfer/jobs/files.ts';
import { JOB_KINDS, JOB_STATES, type JobKind, type JobState, type ShownJob } from '#transfer/jobs/job.ts';
import { type Act, type Options, readConfig, withSystem } from '../act.ts';
import { octets, table } from '../output.ts';
import { CLI, type System } from '../system.ts';
import { stayedBehind } from './transfer-progress.ts';

export function addJobCommands(program: Command, act: Act): void {
  const job = program.command('job').description('imports, exports, restores and moves that REST has started');

  job
    .command('list')
    .addOption(new Option('--kind <kind>').choices([...JOB_KINDS]))
    .addOption(new Option('--state <state>').choices([...JOB_STATES]))
    .option('--account <address>', 'of this account')
    .description('all jobs, the last first')
    .addHelpText(
      'after',
      '\nEnded ones are shown for 90 days. What `peerpost account import` and others do by themselves is no job.',
    )
    .action(
      act((output, options) =>
        withSystem(options, async (system) => {
          const items = await bookOf(system).list(filterOf(options));
          output.result({ items }, () =>
            table(
              ['ID', 'KIND', 'STATE', 'ACCOUNT', 'CREATED', 'DONE'],
              items.map((one) => [one.id, one.kind, one.state, one.account.address, one.createdAt, doneText(one)]),
            ),
          );
        }),
      ),
    );

  job
    .command('show')
    .argument('<id>')
    .description('one job: how far it is, and what stayed behind')
    .action(
      act((output, options, id: string) =>
        withSystem(options, async (system) => {
          const found = await find(bookOf(system), id);
          output.result(found, () => showText(found));
        }),
      ),
    );

  job
    .command('cancel')
    .argument('<id>')
    .description('end a job; what was done stays, and the archive of an export goes')
    .action(
      act((output, options, id: string) =>
        withSystem(options, async (system) => {
          const book = bookOf(system);
          const { account } = await find(book, id);
          const ended = await book.cancel(id, account.id, CLI);
          await (await filesOf(options)).remove(id);
          output.result(ended, () => `${ended.state}: ${id}`);
        }),
      ),
    );
}

const bookOf = ({ store, directory, random, running }: System): JobBook =>
  new JobBook({ store, directory, random, clock: systemClock, idle: !running });

async function filesOf(options: Options): Promise<JobFiles> {
  const { data } = await readConfig(options);
  return new JobFiles({ folder: join(data, 'transfer'), clock: systemClock, hasRoom: async () => true });
}

async function find(book: JobBook, id: string): Promise<ShownJob> {
  const found = await book.find(id);
  if (found === undefined) throw new MailError('not-found', `there is no job ${id}`);
  return found;
}

function filterOf({ kind, state, account }: Options) {
  return {
    ...(kind !== undefined && { kind: kind as JobKind }),
    ...(state !== undefined && { state: state as JobState }),
    ...(typeof account === 'string' && { account }),
  };
}

function doneText({ progress, error }: ShownJob): string {
  const done = progress?.messages ?? progress?.copied;
  const text = done === undefined ? '' : `${done} messages (${octets(progress?.octets ?? 0)})`;
  return [text, error?.message ?? ''].filter(Boolean).join('; ');
}

function showText(job: ShownJob): string {
  const { id, kind, state, account, by, createdAt, endedAt, from, to, as, archive, left, progress } = job;
  const rows: [string, string | undefined][] = [
    ['job', `${id}, ${kind}, ${state}`],
    ['account', account.address],
    ['started', `${createdAt} by ${by}`],
    ['ended', endedAt],
    ['from', from && `${from.user} at ${from.host}:${from.port}`],
    ['to', to && `${as} at ${to}`],
    ['done', doneText(job)],
    ['archive', archive && `${octets(archive.octets)}, until ${archive.expiresAt}`],
    ['aliases left', left && left.length > 0 ? left.join(', ') : undefined],
  ];
  const lines = rows.filter(([, value]) => value).map(([name, value]) => `${`${name}:`.padEnd(14)}${value}`);
  return [...lines, ...(progress ? stayedBehind(progress) : [])].join('\n');
}
