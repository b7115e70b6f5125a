/** How much mail the MDA takes in: the whole program on SQLite, fed by our own LMTP client with messages pipelined over a few connections. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '#config/config.ts';
import { parseConfig } from '#config/parse.ts';
import { createRpcClient } from '#runtime/rpc/client.ts';
import { SmtpClient } from '#runtime/smtp/client.ts';
import type { SupervisorStatus } from '#runtime/supervisor/control.ts';
import { innerPaths } from '#runtime/supervisor/layout.ts';
import { startSupervisor } from '#runtime/supervisor/supervisor.ts';
import { systemClock as clock, systemRandom as random } from '#runtime/system.ts';
import { createAccount } from '#store/accounts.ts';
import { makeSecret } from '#store/secret.ts';
import { openDirectoryWriter } from '#store/sqlite/directory.ts';
import { openMailStore } from '#store/sqlite/store.ts';
import { silentLog } from '#test/support/log.ts';

const ACCOUNTS = 100;
const CONNECTIONS = 4;
const IN_FLIGHT = 32;
const SMALL = { count: 20_000, size: 4_000 };
const LARGE = { count: 400, size: 1_000_000 };
/** Of /proc/PID/stat on Linux. */
const TICKS_PER_SECOND = 100;

export async function run(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'pp-bench-'));
  const text = 'hostname = "mx.test"\nworkers = 1\n[log]\nlevel = "warn"\n[listeners]\nsmtp = "off"\n';
  const config = parseConfig(text, { file: join(folder, 'peerpost.toml'), cores: 1 });
  await makeAccounts(config);
  const programs = [{ name: 'mda' as const, entry: join(import.meta.dirname, '../../mda/main.ts') }];
  const supervisor = await startSupervisor({ config, programs, version: '0', log: silentLog, clock });
  try {
    await supervisor.ready;
    const pid = await pidOf(config);
    await feed(config, 2_000, message(SMALL.size));
    await measure(`${SMALL.size} octet messages`, config, pid, SMALL.count, message(SMALL.size));
    await measure(`${LARGE.size / 1e6} MB messages`, config, pid, LARGE.count, message(LARGE.size));
  } finally {
    await supervisor.stop(10_000);
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(name: string, config: Config, pid: number, count: number, content: Buffer): Promise<void> {
  const cpu = cpuSeconds(pid);
  const start = performance.now();
  await feed(config, count, content);
  const seconds = (performance.now() - start) / 1000;
  const each = ((cpuSeconds(pid) - cpu) / count) * 1e6;
  const rate = `${Math.round(count / seconds).toLocaleString('en')} msgs/s`;
  const octets = `${Math.round((count * content.length) / seconds / 1e6)} MB/s`;
  console.log(`mda  ${name.padEnd(22)} ${rate}, ${octets}, ${Math.round(each)} µs CPU of the MDA each`);
}

async function feed(config: Config, count: number, content: Buffer): Promise<void> {
  let next = 0;
  const one = async (client: SmtpClient): Promise<void> => {
    while (next < count) {
      const number = next++;
      const { recipients } = await client.send({
        reversePath: { localPart: 'alice', domain: 'alpha.test' },
        recipients: [{ address: { localPart: `user${number % ACCOUNTS}`, domain: 'beta.test' } }],
        bodyType: '8bitmime',
        smtputf8: false,
        size: content.length,
        content,
      });
      const [first] = recipients;
      if (first?.kind !== 'reply' || first.reply.code !== 250) throw new Error(JSON.stringify(first));
    }
  };
  const lane = async (): Promise<void> => {
    const options = { clock, random, protocol: 'lmtp', hostname: 'mta.test' } as const;
    const client = await SmtpClient.open({ path: config.listeners.lmtpUnix }, options);
    await Promise.all(Array.from({ length: IN_FLIGHT }, () => one(client)));
    await client.quit();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
}

async function makeAccounts(config: Config): Promise<void> {
  const { data } = config;
  const { shards } = config.store;
  const directory = await openDirectoryWriter({ data, clock });
  const locate = async (id: string): Promise<number> => (await directory.account(id))?.shard ?? 0;
  const store = openMailStore({ data, shards, locate, log: silentLog, clock, own: true });
  await directory.change({ type: 'add-domain', name: 'beta.test' });
  const secret = await makeSecret('x');
  const rooms = { directory, store, random, shards, quota: 0 };
  for (let i = 0; i < ACCOUNTS; i += 1) await createAccount(rooms, `user${i}@beta.test`, secret);
  await store.close();
  await directory.close();
}

async function pidOf(config: Config): Promise<number> {
  const rpc = createRpcClient({ connect: innerPaths(config.data).control });
  const { programs } = (await rpc.call('status', undefined)) as SupervisorStatus;
  await rpc.close();
  return programs[0]?.pid ?? 0;
}

/** All threads, user and system. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function message(size: number): Buffer {
  const head = [
    'Received: from mx.alpha.test (mx.alpha.test [192.0.2.1])\r\n\tby mx.beta.test with ESMTPS id q1;\r\n\tMon, 23 Nov 2026 11:15:01 +0000',
    'From: Alice <alice@alpha.test>',
    'To: Bob <bob@beta.test>',
    'Subject: Greetings',
    'Date: Mon, 23 Nov 2026 12:15:01 +0100',
    'Message-ID: <a1b2c3d4e5f6@alpha.test>',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
  ].join('\r\n');
  const line = 'The quick brown fox jumps over the lazy dog, and writes home about it.\r\n';
  return Buffer.from(`${head}\r\n\r\n${line.repeat(Math.ceil((size - head.length) / line.length))}`);
}
