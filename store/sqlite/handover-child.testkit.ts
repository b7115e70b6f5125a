/**
 * For tests: a process that holds shard 0 of the data folder given when it is told to (`take`), behind its socket, and gives it up
 * again (`give`) as a worker does that drains. Answers `held` and `given`.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { serveRpc } from '#runtime/rpc/server.ts';
import { systemClock } from '#runtime/system.ts';
import { silentLog } from '#test/support/log.ts';
import { shardSocket } from './paths.ts';
import { openShardWriter } from './writer.ts';

const data = process.argv[2]!;
const path = shardSocket(join(data, 'run'), 0);
const log = silentLog;
let give: () => Promise<void> = async () => undefined;

async function take(): Promise<void> {
  const wait = AbortSignal.timeout(30_000);
  const writer = await openShardWriter({ data, shard: 0, log, clock: systemClock, wait, collectEvery: 20 });
  mkdirSync(join(data, 'run'), { recursive: true });
  rmSync(path, { force: true });
  const connections = new Set<ReturnType<typeof serveRpc>>();
  const server = createServer((socket) => {
    const served = serveRpc(socket, writer.handlers, { log });
    connections.add(served);
    void served.closed.then(() => connections.delete(served));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  give = async () => {
    server.close();
    await Promise.all(Array.from(connections, (served) => served.end()));
    await writer.close();
  };
}

process.on('message', (order: 'take' | 'give') => {
  const done = order === 'take' ? take() : give();
  void done.then(() => process.send?.(order === 'take' ? 'held' : 'given'));
});
process.send?.('ready');
