/** The MTA: receives by SMTP, hands local mail to the MDA, and holds the queue (one worker at a time) that everything else leaves by. */

import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Config } from '#config/config.ts';
import { diskRoom, diskSpace } from '#runtime/disk-space.ts';
import { serversFor } from '#runtime/dns/resolv-conf.ts';
import { createStubResolver } from '#runtime/dns/stub-resolver.ts';
import { runProgram } from '#runtime/program.ts';
import { createRpcClient } from '#runtime/rpc/client.ts';
import type { ListenerName, Program, ProgramContext } from '#runtime/service.ts';
import { SocketConnection } from '#runtime/socket-connection.ts';
import { type HeldWriter, WriterHolder } from '#runtime/writer-holder.ts';
import type { Queue } from '#store/queue.ts';
import { openDirectory } from '#store/sqlite/directory.ts';
import { openQueue, openQueueWriter, serveQueue } from '#store/sqlite/queue.ts';
import { countedQueue, timedMda, watchQueue } from './figures.ts';
import { MdaConnections } from './handover/mda-connections.ts';
import { HandoverSink } from './handover/sink.ts';
import { type OutboundContext, report, startOutbound } from './outbound.ts';
import { createSmtpServer, type SmtpServer } from './server/listener.ts';
import type { ListenerKind } from './server/services.ts';
import { openSpool } from './server/spool.ts';

runProgram('mta', startMta);

/** How long an answer to the final dot may wait for the MDA before the message goes to the queue; senders hang up after minutes. */
const HANDOVER_MS = 20_000;
/** What is left of a drain for giving the queue up. */
const RELEASE_MS = 3_000;
/** How long attempts under way may take when another worker waits for the queue: cut off after the content, a message might arrive twice (RFC 1047). */
const HAND_ON_MS = 30_000;
/** How long sessions that are there may go on by themselves before they hear 421, when new ones go to another worker. */
const SETTLE_MS = 5_000;

interface HeldQueue extends HeldWriter {
  readonly queue: Queue;
  /** Ends delivery; the queue goes on to be written. */
  rest(): Promise<void>;
}

async function startMta(context: ProgramContext): Promise<Program> {
  const { clock, log, random, coordination, metrics } = context;
  const { data } = context.config;
  let config = context.config;
  const current = (): Config => config;

  const directoryRpc = createRpcClient({ connect: join(data, 'run', 'directory.sock') });
  const directory = openDirectory({ data, clock, rpc: directoryRpc });
  const servers = await serversFor(config.dns.servers);
  const resolver = createStubResolver({ servers, clock, random });
  const outbound: OutboundContext = { context, directory, resolver, config: current };

  let drainMs = 10_000;
  const holder = queueHolder(context, outbound, () => drainMs);
  const queueRpc = createRpcClient({ connect: join(data, 'run', 'queue.sock') });
  const elsewhere = openQueue({ data, clock, rpc: queueRpc });
  const mda = new MdaConnections({
    clock,
    random,
    log,
    hostname: config.hostname,
    path: config.listeners.lmtpUnix,
    deadlineMs: HANDOVER_MS,
  });
  const sink = new HandoverSink({
    clock,
    log,
    mda: timedMda(mda, metrics, clock),
    queue: {
      enqueue: (entry) => (holder.writer?.queue ?? elsewhere).enqueue(entry),
      keep: (...kept) => (holder.writer?.queue ?? elsewhere).keep(...kept),
    },
    expire: config.delivery.expire,
    report: report(outbound),
  });
  const spool = await openSpool({ folder: join(data, 'spool'), owner: process.pid, isAlive });
  const free = async (): Promise<number> => (await diskSpace(data)).free;
  const hasRoom = diskRoom({ free, clock, log, minimum: () => config.limits.minimumFree });
  const server = createSmtpServer({
    hasRoom,
    config,
    directory,
    sink,
    resolver,
    coordination,
    metrics,
    spool,
    clock,
    random,
    log,
  });
  holder.assign(context.assigned.includes('queue'));
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all([mda.close(), elsewhere.close(), directory.close()]);
    await Promise.all([queueRpc.close(), directoryRpc.close()]);
  };

  return {
    accept: (listener, socket) => accept(listener, socket, { server, holder, context }),
    async reload(next) {
      config = next;
      server.reload(next);
    },
    assign: (listeners) => holder.assign(listeners.includes('queue')),
    async drain(deadlineMs, replaced) {
      const end = clock.now() + deadlineMs;
      drainMs = Math.min(deadlineMs, replaced ? HAND_ON_MS : RELEASE_MS);
      if (replaced) {
        // Delivery ends first, while this worker still writes the queue; then the next one takes it, and what sessions here still accept goes there.
        await holder.writer?.rest();
        await holder.release();
        await Promise.race([server.idle(), pause(context, Math.min(SETTLE_MS, deadlineMs / 2))]);
      }
      // Sessions first: what they still accept needs the queue, and the MDA.
      await Promise.race([server.drain(), pause(context, end - clock.now() - (replaced ? 0 : drainMs))]);
      await holder.release();
      closed ??= close();
      await closed;
    },
  };
}

/** Delivery runs where the queue is written: exactly one scheduler, and what it takes and settles crosses no socket. */
function queueHolder(
  context: ProgramContext,
  outbound: OutboundContext,
  drainMs: () => number,
): WriterHolder<HeldQueue> {
  const { config, clock, log } = context;
  const open = async (signal: AbortSignal): Promise<HeldQueue> => {
    const queue = countedQueue(await openQueueWriter({ data: config.data, clock, log, signal }), context.metrics);
    const unwatch = watchQueue(queue, context.metrics, clock);
    const delivery = startOutbound(queue, outbound);
    const ended = Promise.withResolvers<void>();
    const stop = async (): Promise<void> => {
      try {
        await delivery.stop(drainMs());
      } catch (error) {
        log.error({ err: error }, 'delivery did not stop as it should');
      }
    };
    let stopping: Promise<void> | undefined;
    const rest = (): Promise<void> => (stopping ??= stop());
    const end = async (): Promise<void> => {
      await rest();
      unwatch();
      await queue.close();
      ended.resolve();
    };
    let ending: Promise<void> | undefined;
    const close = (): Promise<void> => (ending ??= end());
    // When the writer breaks, delivery over it ends too; the holder then opens both anew.
    void queue.ended.then(close);
    return { queue, handlers: serveQueue(queue), ended: ended.promise, close, rest };
  };
  return new WriterHolder({
    listener: 'queue',
    open,
    claim: (listener, held) => context.claim(listener, held),
    clock,
    log,
  });
}

interface Serving {
  readonly server: SmtpServer;
  readonly holder: WriterHolder<HeldQueue>;
  readonly context: ProgramContext;
}

function accept(listener: ListenerName, socket: Socket, { server, holder, context }: Serving): void {
  if (listener === 'queue') {
    holder.accept(socket);
    return;
  }
  const { clock, random } = context;
  const connection = new SocketConnection(socket, { clock, random, secureContext: () => context.secureContext() });
  void server.accept(listener as ListenerKind, connection);
}

function pause({ clock }: ProgramContext, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process lives all the same.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
