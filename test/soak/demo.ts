/** The demo as a child process, driven as a person would: by its options, its line of JSON and SIGTERM. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const root = resolve(import.meta.dirname, '../..');

export interface Listener {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
}

export interface Peer {
  readonly domain: string;
  readonly config: string;
  readonly listeners: readonly Listener[];
  readonly users: readonly { readonly address: string; readonly password: string }[];
}

export interface Demo {
  readonly peers: readonly Peer[];
  /** What it has said on standard error: its peers log there. */
  log(): string;
  /** SIGTERM; resolves to the exit code once all of it is gone. */
  stop(): Promise<number | null>;
}

export interface DemoOptions {
  readonly data: string;
  readonly domains: readonly string[];
  readonly portBase: number;
}

export async function startDemo({ data, domains, portBase }: DemoOptions): Promise<Demo> {
  const args = [
    'scripts/demo.ts',
    '--json',
    '--data',
    data,
    '--domains',
    domains.join(','),
    '--port-base',
    `${portBase}`,
  ];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const line = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>;
  const [json] = await Promise.race([
    line,
    exited.then(([code]) => {
      throw new Error(`the demo ended with ${code}: ${log.slice(-2000)}`);
    }),
  ]);
  const { peers } = JSON.parse(json) as { peers: Peer[] };
  return { peers, log: () => log, stop: () => stop(child, exited) };
}

async function stop(child: ChildProcess, exited: Promise<[number | null]>): Promise<number | null> {
  child.kill('SIGTERM');
  const [code] = await exited;
  return code;
}

/** `peerpost ARGS --json` for one peer; answers what it prints. */
export async function peerpost(peer: Peer, ...args: string[]): Promise<unknown> {
  const cli = join(root, 'scripts/cli/main.ts');
  const child = spawn(process.execPath, [cli, ...args, '--json', '--config', peer.config], { cwd: root });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`peerpost ${args.join(' ')}: exit ${code}: ${stderr}`);
  return stdout === '' ? undefined : JSON.parse(stdout);
}

export const endpoint = (peer: Peer, protocol: string): Listener => {
  const found = peer.listeners.find((listener) => listener.protocol === protocol && listener.host !== undefined);
  if (found === undefined) throw new Error(`${peer.domain} does not listen for ${protocol}`);
  return found;
};

/** A port base whose usual ports are free on the first loopback addresses, below the range that the system gives to clients. */
export async function freePortBase(peers: number): Promise<number> {
  for (;;) {
    const base = randomInt(10_500, 23_000);
    if (await free(base, peers)) return base;
  }
}

async function free(base: number, peers: number): Promise<boolean> {
  for (let i = 1; i <= peers; i++) {
    for (const standard of [24, 25, 53, 110, 143, 465, 587, 993]) {
      const server = createServer().listen(base + standard, `127.0.0.${i}`);
      const taken = await Promise.race([
        once(server, 'listening').then(() => false),
        once(server, 'error').then(() => true),
      ]);
      if (taken) return false;
      server.close();
      await once(server, 'close');
    }
  }
  return true;
}
