/** Peerpost whole, under its supervisor, as `peerpost run` starts it; its log goes to a file, as the others' do. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Config } from '#config/config.ts';
import { parseConfig } from '#config/parse.ts';
import { systemClock as clock, systemRandom as random } from '#runtime/system.ts';
import type { Directory } from '#store/directory.ts';
import { silentLog } from '#test/support/log.ts';
import { loopbackAddress } from '#test/support/system.ts';
import { DOMAIN, type MailSystem, type SystemOptions } from './system.ts';

export interface PeerOptions extends SystemOptions {
  readonly workers?: number;
  /** Lines of peerpost.toml behind the usual ones. */
  readonly settings?: readonly string[];
  /** Runs in the directory before the peer starts. */
  readonly prepare?: (directory: Directory) => Promise<void>;
  readonly env?: { readonly [name: string]: string };
  /** Runs the programs of another checkout, to compare revisions. */
  readonly checkout?: string;
}

export interface Peer extends MailSystem {
  /** From the start of the command to `ready`, milliseconds. */
  readonly startedIn: number;
}

const PASSWORD = 'correct-horse';
const root = resolve(import.meta.dirname, '../../..');

/** V8 writes a profile of each process and thread into the folder when it ends. */
export const profiling = (folder: string | undefined): { readonly [name: string]: string } =>
  folder === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-interval=200 --cpu-prof-dir=${resolve(folder)}` };

export async function startPeer(options: PeerOptions): Promise<Peer> {
  const { folder, shim } = options;
  mkdirSync(folder, { recursive: true });
  const host = loopbackAddress();
  const file = join(folder, 'peerpost.toml');
  const text = configuration(options, host);
  writeFileSync(file, text);
  await makeAccounts(parseConfig(text, { file, cores: 1 }), options);
  const log = openSync(join(folder, 'log'), 'a');
  const cli = join(options.checkout ?? root, 'scripts/cli/main.ts');
  const begun = performance.now();
  const child = spawn(process.execPath, [cli, 'run', '--config', file], {
    stdio: ['ignore', 'pipe', log],
    env: { ...process.env, ...shim?.env, ...options.env },
  });
  closeSync(log);
  await ready(child, join(folder, 'log'));
  return {
    name: options.checkout === undefined ? 'Peerpost' : `Peerpost of ${options.checkout}`,
    smtp: { host, port: 10_025 },
    imap: { host, port: 10_143 },
    password: PASSWORD,
    shim,
    startedIn: performance.now() - begun,
    roots: () => [child.pid ?? 0],
    // What got a 250 is in the mailbox already.
    idle: () => true,
    async close() {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

function configuration({ workers = 1, settings = [] }: PeerOptions, host: string): string {
  return [
    'hostname = "mx.bench.test"',
    `workers = ${workers}`,
    '[listeners]',
    `smtp = "${host}:10025"`,
    `imap = "${host}:10143"`,
    '[dns]',
    'servers = ["127.0.0.1:9"]',
    ...settings,
    '',
  ].join('\n');
}

/** The store's modules of a checkout: each revision makes its databases itself. */
async function storeOf(checkout: string) {
  const load = <T>(path: string): Promise<T> => import(join(checkout, path)) as Promise<T>;
  return {
    ...(await load<typeof import('#store/accounts.ts')>('store/accounts.ts')),
    ...(await load<typeof import('#store/secret.ts')>('store/secret.ts')),
    ...(await load<typeof import('#store/sqlite/directory.ts')>('store/sqlite/directory.ts')),
    ...(await load<typeof import('#store/sqlite/store.ts')>('store/sqlite/store.ts')),
  };
}

/** All with one secret: making a thousand would take a minute, and is not measured. */
async function makeAccounts(config: Config, { accounts, prepare, checkout = root }: PeerOptions): Promise<void> {
  const { createAccount, makeSecret, openDirectoryWriter, openMailStore } = await storeOf(checkout);
  const { data } = config;
  const { shards } = config.store;
  const directory = await openDirectoryWriter({ data, clock });
  const locate = async (id: string): Promise<number> => (await directory.account(id))?.shard ?? 0;
  const store = openMailStore({ data, shards, locate, log: silentLog, clock, own: true });
  await directory.change({ type: 'add-domain', name: DOMAIN });
  const secret = await makeSecret(PASSWORD);
  const rooms = { directory, store, random, shards, quota: 0 };
  const indices = Array.from({ length: accounts }, (_, i) => i);
  const lane = async (): Promise<void> => {
    for (let i = indices.shift(); i !== undefined; i = indices.shift()) {
      await createAccount(rooms, `user${i}@${DOMAIN}`, secret);
    }
  };
  await Promise.all(Array.from({ length: 50 }, lane));
  await prepare?.(directory);
  await store.close();
  await directory.close();
}

async function ready(child: ChildProcess, log: string): Promise<void> {
  const [what] = (await Promise.race([
    once(createInterface({ input: child.stdout! }), 'line'),
    once(child, 'exit'),
  ])) as [string | number | null];
  if (what !== 'ready') throw new Error(`Peerpost did not start: ${readFileSync(log, 'utf8').slice(-2000)}`);
}
