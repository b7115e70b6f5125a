/**
 * The stores of one peer for a command: those of the running system, reached over its sockets, or, when nothing runs, opened here under their
 * leases. The command does the same either way.
 */
import { connect } from 'node:net';
import type { AdminRooms } from '#admin/rooms.ts';
import { supervisorOf } from '#admin/status.ts';
import type { Config } from '#config/config.ts';
import { MailError } from '#mail/failure.ts';
import type { Log } from '#runtime/ambient.ts';
import type { SessionInfo } from '#runtime/coordination.ts';
import { createRpcClient } from '#runtime/rpc/client.ts';
import type { SupervisorStatus } from '#runtime/supervisor/control.ts';
import { innerPaths } from '#runtime/supervisor/layout.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import type { Directory } from '#store/directory.ts';
import type { Queue } from '#store/queue.ts';
import { openDirectory, openDirectoryWriter } from '#store/sqlite/directory.ts';
import { openQueue, openQueueWriter } from '#store/sqlite/queue.ts';
import { openMailStore } from '#store/sqlite/store.ts';
import { CommandError } from './output.ts';

export interface System extends AdminRooms {
  readonly running: boolean;
  close(): Promise<void>;
}

/** Who stands in the audit log for what is done by command. */
export const CLI = { actor: 'cli' };

/** What the supervisor says of itself. @throws CommandError `not-running`. */
export async function askSupervisor(config: Config): Promise<SupervisorStatus> {
  try {
    return await supervisorOf(config.data).status();
  } catch (error) {
    const hint = `start it with: peerpost run --config ${config.file}`;
    throw new CommandError('not-running', `nothing runs on ${config.data}; ${hint}`, { cause: error });
  }
}

export async function openSystem(config: Config): Promise<System> {
  const running = await isRunning(config);
  const parts = running ? connectParts(config) : await openParts(config);
  const { directory, queue } = parts;
  const store = openMailStore({
    data: config.data,
    shards: config.store.shards,
    locate: (account) => locate(directory, account),
    log: silent,
    clock: systemClock,
    own: !running,
  });
  return {
    running,
    directory,
    store,
    queue,
    random: systemRandom,
    clock: systemClock,
    ...(parts.coordination && { coordination: parts.coordination }),
    shards: config.store.shards,
    quota: config.limits.quota,
    async close() {
      await store.close();
      await queue.close();
      await directory.close();
      await parts.end();
    },
  };
}

/** Somebody listens there: a busy system takes a while to answer, and is no resting one. */
function isRunning(config: Config): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: innerPaths(config.data).control });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

const ANSWER_MS = 5_000;

interface Parts {
  readonly directory: Directory;
  readonly queue: Queue;
  readonly coordination?: NonNullable<AdminRooms['coordination']>;
  end(): Promise<void>;
}

function connectParts(config: Config): Parts {
  const paths = innerPaths(config.data);
  const directoryRpc = createRpcClient({ connect: paths.directory });
  const queueRpc = createRpcClient({ connect: paths.queue });
  const directory = openDirectory({ data: config.data, clock: systemClock, rpc: directoryRpc });
  const queue = openQueue({ data: config.data, clock: systemClock, rpc: queueRpc });
  const control = createRpcClient({ connect: paths.control });
  const ask = (method: string, argument: unknown): Promise<unknown> =>
    control.call(method, argument, { deadlineMs: ANSWER_MS });
  return {
    directory,
    queue,
    coordination: {
      sessions: async () => (await ask('sessions', null)) as readonly SessionInfo[],
      disconnect: async (ids) => (await ask('disconnect', ids)) as readonly string[],
    },
    async end() {
      await directoryRpc.close();
      await queueRpc.close();
      await control.close();
    },
  };
}

async function openParts(config: Config): Promise<Parts> {
  const directory = await openDirectoryWriter({ data: config.data, clock: systemClock });
  let queue: Promise<Queue> | undefined;
  // Most commands need no queue: it is opened when it is first asked.
  const opened = (): Promise<Queue> =>
    (queue ??= openQueueWriter({ data: config.data, log: silent, clock: systemClock }));
  return { directory, queue: lazyQueue(opened, () => queue), end: async () => undefined };
}

function lazyQueue(open: () => Promise<Queue>, opened: () => Promise<Queue> | undefined): Queue {
  return {
    enqueue: async (entry) => (await open()).enqueue(entry),
    settle: async (...args) => (await open()).settle(...args),
    due: async (...args) => (await open()).due(...args),
    nextDue: async () => (await open()).nextDue(),
    get: async (id) => (await open()).get(id),
    list: async (options) => (await open()).list(options),
    act: async (...args) => (await open()).act(...args),
    counts: async () => (await open()).counts(),
    track: async (envelopeId) => (await open()).track(envelopeId),
    outcomes: async (...args) => (await open()).outcomes(...args),
    lastMark: async () => (await open()).lastMark(),
    keep: async (...args) => (await open()).keep(...args),
    async *content(...args) {
      yield* (await open()).content(...args);
    },
    onChange: () => () => undefined,
    close: async () => (await opened())?.close(),
  };
}

async function locate(directory: Directory, id: string): Promise<number> {
  const account = await directory.account(id);
  if (account === undefined) throw new MailError('no-such-account', 'there is no such account');
  return account.shard;
}

/** A command speaks through its output; what the stores would log reaches it as errors. */
export const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
