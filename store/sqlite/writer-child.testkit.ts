/** For tests: a process that writes to shard 0 of the data folder given, behind its socket, until it is killed. Says `ready`. */
import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { serveRpc } from '#runtime/rpc/server.ts';
import { systemClock } from '#runtime/system.ts';
import { silentLog } from '#test/support/log.ts';
import { shardSocket } from './paths.ts';
import { openShardWriter } from './writer.ts';

const data = process.argv[2]!;
const run = join(data, 'run');
const log = silentLog;
const wait = AbortSignal.timeout(10_000);
const writer = await openShardWriter({ data, shard: 0, log, clock: systemClock, wait, collectEvery: 20 });
mkdirSync(run, { recursive: true });
rmSync(shardSocket(run, 0), { force: true });
const server = createServer((socket) => void serveRpc(socket, writer.handlers, { log }));
server.listen(shardSocket(run, 0), () => console.log('ready'));
