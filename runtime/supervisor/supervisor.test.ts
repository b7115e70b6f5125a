import assert from 'node:assert/strict';
import { once } from 'node:events';
import { linkSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Config } from '#config/config.ts';
import { initialConfig } from '#config/init.ts';
import { parseConfig } from '#config/parse.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { recordingLog } from '#test/support/log.ts';
import { freePort } from '#test/support/ports.ts';
import { createRpcClient } from '../rpc/client.ts';
import { systemClock } from '../system.ts';
import { dealOut } from './assignment.ts';
import { innerPaths, placesOf } from './layout.ts';
import { type Supervisor, type SupervisorOptions, startSupervisor } from './supervisor.ts';

const ENTRY = join(import.meta.dirname, 'toy-program.ts');
const DEADLINE = 10_000;

/** One end of a connection to a toy program. */
class Client {
  readonly socket: Socket;
  readonly #received: string[] = [];
  #rest = '';
  #over = false;
  #wake: () => void = () => undefined;

  constructor(at: { port: number } | { path: string }) {
    this.socket = connect('port' in at ? { ...at, host: '127.0.0.1' } : at);
    this.socket.on('error', () => undefined);
    this.socket.on('data', (data) => {
      const lines = (this.#rest + String(data)).split('\n');
      this.#rest = lines.pop() ?? '';
      this.#received.push(...lines);
      this.#wake();
    });
    this.socket.on('close', () => {
      this.#over = true;
      this.#wake();
    });
  }

  /** The next line; `undefined` once the connection is closed. */
  async line(): Promise<string | undefined> {
    while (this.#received.length === 0 && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received.shift();
  }

  async pid(): Promise<number> {
    return Number((await this.line())?.split(' ')[1]);
  }

  say(order: string): void {
    this.socket.write(`${order}\n`);
  }
}

interface Setup {
  readonly config: Config;
  readonly port: number;
  readonly metricsPort: number;
  readonly log: ReturnType<typeof recordingLog>;
  readonly options: SupervisorOptions;
  start(): Promise<Supervisor>;
  client(listener?: { path: string }): Client;
}

async function setUp(
  t: TestContext,
  more: Partial<SupervisorOptions> & { workers?: number; listener?: string } = {},
): Promise<Setup> {
  const folder = temporaryFolder(t);
  const port = await freePort();
  const metricsPort = await freePort();
  const { workers: count = 1, listener = 'smtp' } = more;
  const text = `hostname = "mx.test"\nworkers = ${count}\n[listeners]\n${listener} = "127.0.0.1:${port}"\nmetrics = "127.0.0.1:${metricsPort}"\n[store]\nshards = 2\n`;
  const config = parseConfig(text, { file: join(folder, 'peerpost.toml'), cores: 1 });
  const log = recordingLog();
  const { workers: _, listener: __, ...overrides } = more;
  const options: SupervisorOptions = {
    config,
    programs: [{ name: 'mta', entry: ENTRY }],
    version: '1.2.3',
    log,
    clock: systemClock,
    timing: { restartMs: 50 },
    ...overrides,
  };
  const clients: Client[] = [];
  return {
    config,
    port,
    metricsPort,
    log,
    options,
    async start() {
      const supervisor = await startSupervisor(options);
      t.after(async () => {
        for (const { socket } of clients) socket.destroy();
        await supervisor.stop(DEADLINE);
      });
      await supervisor.ready;
      return supervisor;
    },
    client(at) {
      const client = new Client(at ?? { port });
      clients.push(client);
      return client;
    },
  };
}

test('connections on ports and on inner Unix sockets reach the program', async (t) => {
  const setup = await setUp(t);
  await setup.start();
  assert.match((await setup.client().line()) ?? '', /^smtp \d+ mx\.test$/);
  const { queue, run } = innerPaths(setup.config.data);
  assert.match((await setup.client({ path: queue }).line()) ?? '', /^queue \d+/);
  assert.equal(statSync(queue).mode & 0o777, 0o600);
  assert.equal(statSync(run).mode & 0o777, 0o700);
});

test('a crashed program is restarted, and no connection is refused meanwhile', async (t) => {
  const setup = await setUp(t);
  await setup.start();
  const first = setup.client();
  const pid = await first.pid();
  first.say('crash');
  assert.equal(await first.line(), undefined);
  const others = Array.from({ length: 20 }, () => setup.client());
  for (const other of others) assert.notEqual(await other.pid(), pid);
  assert.ok(setup.log.entries.some(({ message }) => message === 'program ended; restarting it'));
});

test('kill -9 of a worker under a stream of connections loses only those that it had taken', async (t) => {
  const setup = await setUp(t);
  await setup.start();
  let served = 0;
  for (let round = 0; round < 3; round++) {
    const victim = await setup.client().pid();
    const clients = Array.from({ length: 100 }, () => setup.client());
    process.kill(victim, 'SIGKILL');
    for (const client of clients) if ((await client.line()) !== undefined) served++;
    assert.ok(Number.isInteger(await setup.client().pid()));
  }
  assert.ok(served > 0);
});

test('a worker that hangs is killed, and its unacknowledged connections are dealt again', async (t) => {
  const setup = await setUp(t, { timing: { restartMs: 50, pingMs: 50, hungMs: 300 } });
  await setup.start();
  const first = setup.client();
  const pid = await first.pid();
  first.say('hang');
  assert.equal(await first.line(), 'hanging');
  const second = setup.client();
  assert.notEqual(await second.pid(), pid);
  assert.ok(setup.log.entries.some(({ message }) => /does not answer: killed/.test(message)));
});

test('several workers share the connections evenly, and coordination counts over all of them', async (t) => {
  const setup = await setUp(t, { workers: 2 });
  await setup.start();
  const clients: Client[] = [];
  const pids = new Map<number, number>();
  for (let i = 0; i < 10; i++) {
    const client = setup.client();
    const pid = await client.pid();
    pids.set(pid, (pids.get(pid) ?? 0) + 1);
    clients.push(client);
  }
  assert.deepEqual([...pids.values()], [5, 5]);
  const counts: number[] = [];
  for (const client of clients) {
    client.say('count');
    counts.push(Number((await client.line())?.split(' ')[1]));
  }
  assert.equal(Math.round(counts.at(-1) ?? 0), 10);
});

test('with several workers an exclusive inner socket waits for the one that claims it', async (t) => {
  const setup = await setUp(t, { workers: 2 });
  await setup.start();
  const { queue } = innerPaths(setup.config.data);
  const early = setup.client({ path: queue });
  await once(early.socket, 'connect');
  const ordinary = setup.client();
  const pid = await ordinary.pid();
  ordinary.say('claim queue');
  assert.equal(await early.pid(), pid);
  for (let i = 0; i < 4; i++) assert.equal(await setup.client({ path: queue }).pid(), pid);
});

test('stop() drains: sessions get their goodbye, ports are closed, all processes are gone', async (t) => {
  const setup = await setUp(t);
  const supervisor = await setup.start();
  const client = setup.client();
  const pid = await client.pid();
  await supervisor.stop(DEADLINE);
  assert.equal(await client.line(), 'bye');
  assert.throws(() => process.kill(pid, 0), /ESRCH/);
  const late = connect({ port: setup.port, host: '127.0.0.1' });
  const [error] = await once(late, 'error');
  assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED');
});

test('a program that does not finish in time is killed', async (t) => {
  const setup = await setUp(t);
  const supervisor = await setup.start();
  const client = setup.client();
  await client.pid();
  client.say('hang');
  assert.equal(await client.line(), 'hanging');
  await supervisor.stop(100);
  assert.ok(setup.log.entries.some(({ message }) => /did not drain in time/.test(message)));
});

test('a port that is taken is named, with the way out', async (t) => {
  const setup = await setUp(t);
  const other = createServer().listen(setup.port, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  await assert.rejects(startSupervisor(setup.options), (error: Error) => {
    assert.match(
      error.message,
      new RegExp(`127\\.0\\.0\\.1:${setup.port} \\(smtp\\): port is taken.*listeners\\.smtp`),
    );
    return true;
  });
  assert.throws(() => statSync(innerPaths(setup.config.data).queue), /ENOENT/, 'nothing else stays bound');
});

test('a program runs once on a data folder, and stale sockets are replaced', async (t) => {
  const setup = await setUp(t);
  const supervisor = await setup.start();
  await assert.rejects(startSupervisor(setup.options), /mta is running on .* already/);
  await supervisor.stop(DEADLINE);
  const stale = createServer().listen(innerPaths(setup.config.data).queue);
  await once(stale, 'listening');
  await assert.rejects(startSupervisor(setup.options), /queue\.sock \(queue\) is taken/);
  // A process that was killed leaves the file behind.
  const { queue } = innerPaths(setup.config.data);
  linkSync(queue, `${queue}.kept`);
  await new Promise((resolve) => stale.close(resolve));
  renameSync(`${queue}.kept`, queue);
  await setup.start();
  assert.match((await setup.client({ path: queue }).line()) ?? '', /^queue/);
});

test('reload() gives programs the new configuration and changes listeners, keeping those that stay', async (t) => {
  const setup = await setUp(t);
  const supervisor = await setup.start();
  const kept = setup.client();
  await kept.pid();
  const added = await freePort();
  const text = `hostname = "new.test"\n[listeners]\nsmtp = "127.0.0.1:${setup.port}"\nsubmission = "127.0.0.1:${added}"\n`;
  await supervisor.reload(parseConfig(text, { file: setup.config.file, cores: 1 }));
  let line = '';
  while (!line.endsWith('new.test')) line = (await setup.client().line()) ?? '';
  const submission = new Client({ port: added });
  t.after(() => submission.socket.destroy());
  assert.match((await submission.line()) ?? '', /^submission /);
  kept.say('still');
  assert.match((await kept.line()) ?? '', /^still/);
  const moved = parseConfig('hostname = "new.test"\ndata = "/elsewhere"', { file: setup.config.file, cores: 1 });
  await assert.rejects(supervisor.reload(moved), /stop and start/);
});

test('status answers over the control socket', async (t) => {
  const setup = await setUp(t);
  await setup.start();
  const pid = await setup.client().pid();
  const client = createRpcClient({ connect: innerPaths(setup.config.data).control });
  t.after(() => client.close());
  const status = (await client.call('status', undefined)) as Awaited<ReturnType<Supervisor['status']>>;
  assert.equal(status.version, '1.2.3');
  assert.deepEqual(
    status.programs.map(({ name, pid }) => ({ name, pid })),
    [{ name: 'mta', pid }],
  );
  assert.match(status.programs[0]?.since ?? '', /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.deepEqual(status.listeners, [{ protocol: 'smtp', host: '127.0.0.1', port: setup.port, tls: 'starttls' }]);
  assert.ok(status.disk.free > 0 && status.disk.total >= status.disk.free);
  assert.deepEqual(await client.call('sessions', undefined), []);
});

test('restart() replaces every process before it drains, and connections never wait for that', async (t) => {
  const setup = await setUp(t, { workers: 2 });
  const supervisor = await setup.start();
  const before = [await setup.client().pid(), await setup.client().pid()];
  const restarting = supervisor.restart();
  let over = false;
  const ended = restarting.finally(() => {
    over = true;
  });
  let served = 0;
  while (!over) if ((await setup.client().line()) !== undefined) served++;
  await ended;
  assert.ok(served > 0);
  const replaced = await restarting;
  assert.deepEqual(new Set(replaced.map((one) => one.replaced)), new Set(before));
  const now = new Set(replaced.map(({ pid }) => pid));
  for (let i = 0; i < 4; i++) assert.ok(now.has(await setup.client().pid()));
  await assert.rejects(supervisor.restart('mda'), /no mda runs here/);
});

test('a process that was replaced may take its time, until stop() hurries it', async (t) => {
  const setup = await setUp(t);
  const supervisor = await setup.start();
  const client = setup.client();
  await client.pid();
  client.say('stay');
  assert.match((await client.line()) ?? '', /^stay/);
  await supervisor.restart();
  client.say('still');
  assert.match((await client.line()) ?? '', /^still/);
  assert.deepEqual(
    (await supervisor.status()).programs.map(({ state }) => state),
    ['draining', 'ready'],
  );
  const begun = performance.now();
  await supervisor.stop(DEADLINE);
  assert.equal(await client.line(), 'bye');
  assert.ok(performance.now() - begun < DEADLINE);
});

test('restart() of what does not start leaves the old process as it was', async (t) => {
  const folder = temporaryFolder(t);
  const entry = join(folder, 'program.mjs');
  writeFileSync(entry, `import ${JSON.stringify(ENTRY)};`);
  const setup = await setUp(t, { programs: [{ name: 'mta', entry }] });
  const supervisor = await setup.start();
  const pid = await setup.client().pid();
  writeFileSync(entry, 'process.exit(3);');
  await assert.rejects(supervisor.restart(), /did not start.*old one goes on/);
  assert.equal(await setup.client().pid(), pid);
  writeFileSync(entry, `import ${JSON.stringify(ENTRY)};`);
  assert.equal((await supervisor.restart('mta'))[0]?.replaced, pid);
});

test('leases are dealt out among the workers, and those of a dead one go to the others until it is back', async (t) => {
  const setup = await setUp(t, {
    workers: 2,
    programs: [{ name: 'mda', entry: ENTRY }],
    timing: { restartMs: 500 },
    listener: 'lmtp',
  });
  await setup.start();
  const paths = innerPaths(setup.config.data);
  const holder = (shard: number) => setup.client({ path: paths.store(shard) }).pid();
  const [first, second] = [await holder(0), await holder(1)];
  assert.notEqual(first, second);
  process.kill(second, 'SIGKILL');
  let now = second;
  while (now === second) now = await holder(1);
  assert.equal(now, first);
  while (now === first) now = await holder(1);
  assert.notEqual(now, second);
  assert.equal(await holder(0), first);
});

test('figures of all processes are served, and counters outlive the processes', async (t) => {
  const setup = await setUp(t, { workers: 2, programs: [{ name: 'imap-gateway', entry: ENTRY }], listener: 'imap' });
  await setup.start();
  const scrape = async () => {
    const response = await fetch(`http://127.0.0.1:${setup.metricsPort}/metrics`);
    const text = await response.text();
    return (series: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${series} `))
          ?.split(' ')[1],
      );
  };
  const bytes = 'peerpost_connection_bytes_total{listener="imap",direction="out"}';
  const pids: number[] = [];
  for (let i = 0; i < 4; i++) pids.push(await setup.client().pid());
  const first = await scrape();
  assert.equal(first('peerpost_connections_total{listener="imap"}'), 4);
  assert.equal(first('peerpost_workers{program="imap-gateway",state="ready"}'), 2);
  assert.ok(first(bytes) >= 4 * 'imap 1 mx.test\n'.length, 'those of open connections too');
  assert.ok(first('peerpost_process_resident_memory_bytes{program="imap-gateway",worker="1"}') > 1e6);
  const user = 'peerpost_process_cpu_seconds_total{program="imap-gateway",mode="user"}';
  process.kill(pids[0] ?? 0, 'SIGKILL');
  while ((await scrape())('peerpost_worker_exits_total{program="imap-gateway",cause="died"}') !== 1);
  const second = await scrape();
  assert.ok(second(user) >= first(user));
  assert.ok(second(bytes) >= first(bytes));
});

test('dealOut() gives each worker its own, and those of missing ones to the others', () => {
  const listeners = ['directory', 'store-0', 'store-1', 'store-2', 'store-3'];
  const dealt = (size: number, ...places: number[]) => [
    ...dealOut(
      listeners,
      size,
      places.map((place) => ({ place })),
    ).values(),
  ];
  assert.deepEqual(dealt(1, 0), [listeners]);
  assert.deepEqual(dealt(2, 1, 0), [
    ['directory', 'store-0', 'store-2'],
    ['store-1', 'store-3'],
  ]);
  assert.deepEqual(dealt(4, 0, 1, 3), [['directory', 'store-0'], ['store-1'], ['store-2', 'store-3']]);
  assert.deepEqual(dealt(2), []);
});

test('placesOf() binds for each program what it serves', () => {
  const config = parseConfig(initialConfig({ domain: 'a.test', portBase: 10_000 }), {
    file: '/d/peerpost.toml',
    cores: 1,
  });
  const names = (program: string) => placesOf(config, [program]).map(({ name }) => name);
  assert.deepEqual(names('mta'), ['smtp', 'submission', 'submissions', 'queue', 'submission-unix']);
  assert.deepEqual(names('mda'), ['lmtp', 'lmtp-unix', 'directory', 'store-0']);
  assert.deepEqual(names('imap-gateway'), ['imap', 'imaps', 'pop3', 'pop3s', 'http', 'https', 'metrics']);
});
