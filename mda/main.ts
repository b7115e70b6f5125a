/** The MDA: delivers what comes by LMTP, and hosts the writers of the shards and of the directory (STORE.md §2). */
import { join } from 'node:path';
import { MailError } from '#mail/failure.ts';
import { runProgram } from '#runtime/program.ts';
import { createRpcClient } from '#runtime/rpc/client.ts';
import type { Program, ProgramContext } from '#runtime/service.ts';
import { innerPaths } from '#runtime/supervisor/layout.ts';
import { type HeldWriter, WriterHolder } from '#runtime/writer-holder.ts';
import type { Directory } from '#store/directory.ts';
import { openDirectory, openDirectoryWriter, serveDirectory } from '#store/sqlite/directory.ts';
import { openMailStore } from '#store/sqlite/store.ts';
import { openShardWriter, type ShardWriter } from '#store/sqlite/writer.ts';
import type { AccountId } from '#store/types.ts';
import { Deliveries } from './deliver/deliver.ts';
import { passOnTo } from './deliver/onward.ts';
import { Hosted } from './hosted.ts';
import { LmtpListener } from './lmtp/listener.ts';

const REMEMBERED = 100_000;

runProgram('mda', startMda);

async function startMda(context: ProgramContext): Promise<Program> {
  const { config, clock, log, random } = context;
  const { data } = config;
  const shards = Array.from({ length: config.store.shards }, (_, shard) => shardHolder(context, shard));
  const directoryWriter = directoryHolder(context);
  // Addresses are read here; changes go to whichever worker holds the directory.
  const rpc = createRpcClient({ connect: join(data, 'run', 'directory.sock') });
  const directory = openDirectory({ data, clock, rpc });
  const shardOf = rememberShards(directory);
  const store = openMailStore({
    data,
    shards: shards.length,
    locate: shardOf,
    log,
    clock,
    random,
    writers: (shard) => shards[shard]?.writer,
  });
  const passOn = passOnTo({ path: innerPaths(data).submission, hostname: config.hostname, clock, random });
  const { metrics } = context;
  const deliveries = new Deliveries({ store, directory, shardOf, clock, random, log, metrics, passOn });
  const lmtp = new LmtpListener({ directory, deliver: (order) => deliveries.open(order), clock, random, log }, config);
  return Hosted.start({
    lmtp,
    holders: [directoryWriter, ...shards],
    assigned: context.assigned,
    clock,
    async close() {
      await store.close();
      await directory.close();
      await rpc.close();
    },
  });
}

/** Asked for each message. An account stays in its shard, and an id is never given out again, so what is remembered doesn't go stale. */
function rememberShards(directory: Directory): (id: AccountId) => Promise<number> {
  const known = new Map<AccountId, number>();
  return async (id) => {
    const remembered = known.get(id);
    if (remembered !== undefined) return remembered;
    const account = await directory.account(id);
    if (account === undefined) throw new MailError('no-such-account', 'No such user here');
    if (known.size >= REMEMBERED) known.clear();
    known.set(id, account.shard);
    return account.shard;
  };
}

function shardHolder(context: ProgramContext, shard: number): WriterHolder<ShardWriter> {
  const { config, clock, log } = context;
  const claim: typeof context.claim = (listener, held) => context.claim(listener, held);
  const { expungedRetention, tombstoneRetention } = config.store;
  const retention = { expunged: expungedRetention, tombstones: tombstoneRetention };
  const open = (wait: AbortSignal): Promise<ShardWriter> =>
    openShardWriter({ data: config.data, shard, log, clock, retention, wait, metrics: context.metrics });
  return new WriterHolder({ listener: `store-${shard}`, open, claim, clock, log });
}

function directoryHolder(context: ProgramContext): WriterHolder<HeldWriter> {
  const { config, clock, log } = context;
  const claim: typeof context.claim = (listener, held) => context.claim(listener, held);
  const open = async (signal: AbortSignal): Promise<HeldWriter> => {
    const writer = await openDirectoryWriter({ data: config.data, clock, signal });
    const { promise, resolve } = Promise.withResolvers<void>();
    const close = async (): Promise<void> => {
      await writer.close();
      resolve();
    };
    return { handlers: serveDirectory(writer), ended: promise, close };
  };
  return new WriterHolder({ listener: 'directory', open, claim, clock, log });
}
