/** What runs, how it is, and its replacement by new processes. */
import { MailError } from '#mail/failure.ts';
import { createRpcClient } from '#runtime/rpc/client.ts';
import type { SupervisorStatus } from '#runtime/supervisor/control.ts';
import { innerPaths } from '#runtime/supervisor/layout.ts';
import type { Replaced } from '#runtime/supervisor/pool.ts';
import type { ShardUsage, UnreadableShard } from '#store/usage.ts';
import { type Actor, type AdminRooms, timestamp } from './rooms.ts';

export interface Status extends SupervisorStatus {
  readonly store: { readonly shards: readonly (ShardUsage | UnreadableShard)[] };
  readonly queue: { readonly messages: number; readonly recipients: number; readonly oldest: string | null };
}

export interface Supervisor {
  /** @throws MailError `unavailable` where nothing runs. */
  status(): Promise<SupervisorStatus>;
  /** Of one program, or of all. Answers once the new processes serve. */
  restart(program: string | undefined): Promise<readonly Replaced[]>;
}

const ANSWER_MS = 5_000;
/** Each worker may take a while to start, and to hand its leases over. */
const RESTART_MS = 600_000;

/** The one that runs on that data folder, reached over its control socket at each call. */
export function supervisorOf(data: string): Supervisor {
  const call = async (method: string, argument: unknown, deadlineMs: number): Promise<unknown> => {
    const rpc = createRpcClient({ connect: innerPaths(data).control });
    try {
      return await rpc.call(method, argument, { deadlineMs });
    } finally {
      await rpc.close();
    }
  };
  return {
    status: async () => (await call('status', null, ANSWER_MS)) as SupervisorStatus,
    restart: async (program) => (await call('restart', program ?? null, RESTART_MS)) as readonly Replaced[],
  };
}

export interface StatusRooms extends Pick<AdminRooms, 'queue'> {
  readonly supervisor: Supervisor;
  readonly usage: () => readonly (ShardUsage | UnreadableShard)[];
}

export async function showStatus({ supervisor, queue, usage }: StatusRooms): Promise<Status> {
  const [running, { messages, recipients, oldest }] = await Promise.all([supervisor.status(), queue.counts()]);
  const waiting = { messages, recipients, oldest: oldest === undefined ? null : timestamp(oldest) };
  return { ...running, store: { shards: usage() }, queue: waiting };
}

export async function restartPrograms(
  { supervisor, directory }: { readonly supervisor: Supervisor } & Pick<AdminRooms, 'directory'>,
  program: string | undefined,
  by: Actor,
): Promise<{ restarted: readonly Replaced[] }> {
  const { programs } = await supervisor.status();
  if (program !== undefined && !programs.some(({ name }) => name === program))
    throw new MailError('not-found', `no program ${program} runs`);
  const restarted = await supervisor.restart(program);
  await directory.change({ type: 'note-act', act: 'restart', target: program ?? 'all programs' }, by);
  return { restarted };
}
