/** One peer of the demo: its configuration and people, and its process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { initialConfig } from '#config/init.ts';
import { loadConfig } from '#config/load.ts';
import type { ListenerDescription } from '#config/protocols.ts';
import { createAccount } from '#store/accounts.ts';
import { makeSecret } from '#store/secret.ts';
import { makeFolder } from '../cli/folder.ts';
import { askSupervisor, openSystem } from '../cli/system.ts';
import type { DemoPeer } from './plan.ts';

interface User {
  readonly address: string;
  readonly password: string;
}

/** One peer in `npm start -- --json`, which other tools read. */
export interface PeerSummary {
  readonly domain: string;
  readonly config: string;
  readonly data: string;
  readonly listeners: readonly ListenerDescription[];
  readonly users: readonly User[];
}

export interface RunningPeer {
  describe(): Promise<PeerSummary>;
  stop(): Promise<void>;
}

const cli = new URL('../cli/main.ts', import.meta.url).pathname;
const usersFile = (peer: DemoPeer): string => join(peer.data, 'users.json');

/** Writes the configuration (the ports may be others than last time) and makes what people are missing, with passwords that stay. */
export async function preparePeer(peer: DemoPeer): Promise<void> {
  await makeFolder(peer.data);
  await writeWhole(
    peer.config,
    initialConfig({
      domain: peer.domain,
      hostname: peer.hostname,
      listen: peer.host,
      portBase: peer.portBase,
      dnsServers: [peer.dns],
      deliveryPort: peer.portBase + 25,
      allowLoopback: true,
      logLevel: 'warn',
    }),
  );
  const config = await loadConfig(peer.config);
  const users = [...(await readUsers(peer))];
  const system = await openSystem(config);
  try {
    if (!(await system.directory.isLocalDomain(peer.domain)))
      await system.directory.change({ type: 'add-domain', name: peer.domain });
    const accounts = (await system.directory.accounts()).filter(({ state }) => state === 'active');
    // Who was renamed has left an alias behind.
    const present = new Set([...accounts, ...(await system.directory.aliases())].map(({ address }) => address));
    for (const address of peer.users) {
      if (present.has(address)) continue;
      const password = users.find((user) => user.address === address)?.password ?? randomBytes(9).toString('base64url');
      if (!users.some((user) => user.address === address)) users.push({ address, password });
      // The password is on disk before the account is: a crash in between can't make an account that nobody can enter.
      await writeWhole(usersFile(peer), `${JSON.stringify(users, null, 2)}\n`);
      await createAccount(system, address, await makeSecret(password));
    }
  } finally {
    await system.close();
  }
}

async function readUsers(peer: DemoPeer): Promise<readonly User[]> {
  try {
    return JSON.parse(await readFile(usersFile(peer), 'utf8')) as User[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** All or nothing, for the owner's eyes only: a new file takes the old one's place. */
async function writeWhole(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

/** Resolves when the peer is ready. `onEnd` is called when it ends by itself later. */
export async function startPeer(peer: DemoPeer, onEnd: (reason: string) => void): Promise<RunningPeer> {
  // Of its own process group: Ctrl-C reaches the demo alone, which then drains every peer in order.
  const child = spawn(process.execPath, [cli, 'run', '--config', peer.config], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
    env: { ...process.env, PEERPOST_PARENT: String(process.pid) },
  });
  const said: string[] = [];
  createInterface({ input: child.stderr! }).on('line', (line) => {
    if (said.push(line) > 20) said.shift();
    process.stderr.write(`${peer.domain}  ${line}\n`);
  });
  await becomeReady(child, peer);
  let stopping = false;
  const exited = once(child, 'exit');
  exited.then(
    ([code, signal]) => {
      if (!stopping) onEnd(`the peer ended by itself (${signal ?? `exit ${code}`})`);
    },
    () => undefined,
  );
  return {
    async describe() {
      const { listeners } = await askSupervisor(await loadConfig(peer.config));
      return { domain: peer.domain, config: peer.config, data: peer.data, listeners, users: await readUsers(peer) };
    },
    async stop() {
      stopping = true;
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await exited;
    },
  };
}

async function becomeReady(child: ChildProcess, peer: DemoPeer): Promise<void> {
  const ready = once(createInterface({ input: child.stdout! }), 'line');
  const ended = once(child, 'exit').then(() => {
    throw new Error(
      `the peer of ${peer.domain} did not start; its own words stand above (another port base: npm start -- --port-base N)`,
    );
  });
  ended.catch(() => undefined);
  await Promise.race([ready, ended]);
}
