/** What each kind of job does: it answers how it ended, or throws. */
import type { LookupFunction } from 'node:net';
import type { Account, By, Directory } from '#store/directory.ts';
import { goOnRestoring } from '../archive/restore.ts';
import { writeArchive } from '../archive/write.ts';
import { importAccount } from '../import/account.ts';
import { httpTarget } from '../move/http-target.ts';
import { moveAccount } from '../move/outgoing.ts';
import { accessTo } from './book.ts';
import type { JobFiles } from './files.ts';
import type { Job, JobOrder, JobProgress } from './job.ts';
import type { KeeperRooms } from './keeper.ts';

export interface WorkRooms extends KeeperRooms {
  readonly directory: Directory;
  readonly shards: number;
  readonly files: JobFiles;
  /** As it is configured now. */
  readonly messageSize: () => number;
  /** For jobs that users have started: finds only what they may reach. */
  readonly lookup: () => LookupFunction;
  /** No more logins, and those who are logged in are sent away. */
  readonly suspend: (address: string, by: By) => Promise<unknown>;
}

export interface Task {
  readonly account: Account;
  readonly job: Pick<Job, 'id' | 'by'>;
  readonly signal: AbortSignal;
  readonly report: (progress: JobProgress) => void;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

type Order<K extends JobOrder['kind']> = Extract<JobOrder, { kind: K }>;
type Outcome = Partial<Job>;

export function work(rooms: WorkRooms, task: Task, order: JobOrder): Promise<Outcome> {
  switch (order.kind) {
    case 'import':
      return bring(rooms, task, order);
    case 'export':
      return write(rooms, task, order);
    case 'restore':
      return restore(rooms, task, order);
    case 'move':
      return move(rooms, task, order);
  }
}

async function bring(rooms: WorkRooms, task: Task, order: Order<'import'>): Promise<Outcome> {
  const { store, random, clock, messageSize } = rooms;
  const { from, credentials, mailboxes, guarded } = order;
  const progress = await importAccount({
    rooms: { store, random, clock, messageSize: messageSize() },
    access: accessTo(task.account.id),
    from,
    credentials,
    signal: task.signal,
    report: task.report,
    wait: task.wait,
    ...(mailboxes && { only: mailboxes }),
    ...(guarded && { lookup: rooms.lookup() }),
  });
  return { progress };
}

async function write(rooms: WorkRooms, task: Task, order: Order<'export'>): Promise<Outcome> {
  const { account, job, signal } = task;
  const secret = order.withPassword ? await rooms.directory.secret(account.id) : undefined;
  let progress: JobProgress = { messages: 0, total: 0, octets: 0, failed: 0, failures: [] };
  const report = (now: JobProgress): void => {
    progress = now;
    task.report(now);
  };
  const chunks = writeArchive(rooms, account, { report, signal, ...(secret && { secret }) });
  const archive = await rooms.files.write(job.id, chunks, { compress: true });
  return { progress, archive };
}

async function restore(rooms: WorkRooms, task: Task, order: Order<'restore'>): Promise<Outcome> {
  const { account, job, signal } = task;
  // It was there, and we were killed before we said so.
  if (account.state === 'active') return {};
  const done = await goOnRestoring(
    { ...rooms, messageSize: Number.POSITIVE_INFINITY },
    rooms.files.read(order.archive),
    account,
    {
      address: account.address,
      by: { actor: job.by },
      signal,
      report: (now) => task.report({ ...now, failed: 0, failures: [] }),
    },
  );
  const { messages, octets, left } = done;
  return { progress: { messages, total: messages, octets, failed: 0, failures: [] }, left };
}

async function move(rooms: WorkRooms, task: Task, order: Order<'move'>): Promise<Outcome> {
  const { store, directory, random, suspend } = rooms;
  const { account, job, signal, wait } = task;
  const { to, as, how, token, guarded } = order;
  const by = { actor: job.by };
  const target = httpTarget({ url: to, token, ...(guarded && { lookup: rooms.lookup() }) }, signal);
  try {
    const progress = await moveAccount({
      store,
      directory,
      random,
      account,
      target,
      to,
      as,
      how,
      by,
      signal,
      wait,
      close: async () => void (await suspend(account.address, by)),
      report: task.report,
    });
    return { progress };
  } finally {
    target.close();
  }
}
