/**
 * A whole peer as processes for tests that span rooms, driven as an admin would: by the command, the configuration file and signals. Each gets a loopback
 * address of its own (127.a.b.c), so that any number run at once on the same ports.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const root = resolve(import.meta.dirname, '../..');
const cli = join(root, 'scripts/cli/main.ts');
export const PORT_BASE = 10_000;

export interface TestPeerOptions {
  readonly domain: string;
  readonly hostname?: string;
  readonly host?: string;
  readonly users?: readonly string[];
  /** `host:port` of the resolver that it asks. */
  readonly dns?: string;
  /** Tables added to what `init` wrote, none of which are there yet. */
  readonly toml?: string;
  /** Lines for `[delivery]`, beside the port of the others and that they are on this host. */
  readonly delivery?: readonly string[];
  readonly routes?: { readonly [domain: string]: string };
  /** Where its folder is made; its path must be short (`run/` holds Unix sockets). */
  readonly parent?: string;
}

export interface StartOptions {
  /** For its processes, beside this process's own. */
  readonly env?: { readonly [name: string]: string };
  /** What it is started by, such as `['prlimit', '--nofile=200']`. */
  readonly launcher?: readonly string[];
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TestPeer {
  readonly domain: string;
  readonly host: string;
  readonly data: string;
  readonly config: string;
  port(standard: number): number;
  /** The password of every user that the test made. */
  readonly password: string;
  cli(args: readonly string[], input?: string): Promise<CommandResult>;
  start(options?: StartOptions): Promise<void>;
  /** SIGTERM, and waits until all of it is gone. */
  stop(): Promise<void>;
  /** Process ids by program, from `status`. */
  pids(): Promise<ReadonlyMap<string, number>>;
  readonly supervisor: () => ChildProcess | undefined;
  /** What it has logged so far. */
  log(): string;
  /** Stops it and removes its data. */
  close(): Promise<void>;
}

/** An address of 127/8 that nothing else is likely to use. */
export const loopbackAddress = (): string => `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(2, 255)}`;

export async function runCli(args: readonly string[], input = '', cwd = root): Promise<CommandResult> {
  const child = spawn(process.execPath, [cli, ...args], { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.end(input);
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code: code ?? -1, stdout, stderr: signal === null ? stderr : `${stderr}(ended by ${signal})` };
}

async function must(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, input);
  if (code !== 0) throw new Error(`peerpost ${args.join(' ')}: exit ${code}: ${stderr}`);
  return stdout;
}

/** Writes a configuration, makes domain and users, and starts it. */
export async function startTestPeer(options: TestPeerOptions): Promise<TestPeer> {
  const peer = await prepareTestPeer(options);
  try {
    await peer.start();
  } catch (error) {
    await peer.close();
    throw error;
  }
  return peer;
}

export async function prepareTestPeer(options: TestPeerOptions): Promise<TestPeer> {
  const folder = await mkdtemp(join(options.parent ?? tmpdir(), 'peerpost-test-'));
  try {
    return await prepareIn(folder, options);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function prepareIn(folder: string, options: TestPeerOptions): Promise<TestPeer> {
  const { domain, users = [], hostname = `mx.${options.domain}`, host = loopbackAddress() } = options;
  const data = join(folder, 'data');
  const config = join(data, 'peerpost.toml');
  const password = 'correct horse';
  const where = ['--data', data, '--domain', domain, '--hostname', hostname];
  await must(['init', ...where, '--listen', host, '--port-base', String(PORT_BASE)]);
  await appendFile(config, extraToml(options));
  const lines = users.map((user) => `${user.includes('@') ? user : `${user}@${domain}`}\t${password}\n`).join('');
  if (lines !== '') await must(['account', 'add', '--stdin', '--config', config], lines);
  return attachTestPeer({ domain, host, data, config, password, folder });
}

function extraToml(options: TestPeerOptions): string {
  const lines = [
    options.toml ?? '',
    '[delivery]',
    `port = ${PORT_BASE + 25}`,
    'allow-loopback = true',
    ...(options.delivery ?? []),
  ];
  if (options.dns !== undefined) lines.push('[dns]', `servers = ["${options.dns}"]`);
  if (options.routes !== undefined) {
    lines.push('[routes]', ...Object.entries(options.routes).map(([domain, route]) => `"${domain}" = "${route}"`));
  }
  return `\n${lines.join('\n')}\n`;
}

/** A peer whose folder and configuration are there already; `portBase` is that of its configuration. */
export function attachTestPeer(base: {
  domain: string;
  host: string;
  data: string;
  config: string;
  password: string;
  folder: string;
  portBase?: number;
}): TestPeer {
  let child: ChildProcess | undefined;
  let log = '';
  const peer: TestPeer = {
    ...base,
    port: (standard) => (base.portBase ?? PORT_BASE) + standard,
    cli: (args, input) => runCli([...args, '--config', base.config], input),
    supervisor: () => child,
    log: () => log,
    async start({ env = {}, launcher = [] } = {}) {
      const [program, ...args] = [...launcher, process.execPath, cli, 'run', '--config', base.config];
      const started = spawn(program as string, args, {
        cwd: root,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child = started;
      started.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
      const lines = createInterface({ input: started.stdout });
      const ready = once(lines, 'line').then(([line]) => {
        if (line !== 'ready') throw new Error(`standard output said ${JSON.stringify(line)}, not "ready"`);
      });
      const exited = once(started, 'exit').then(([code, signal]) => {
        throw new Error(`ended before it was ready (${code ?? signal}): ${log.slice(-2000)}`);
      });
      exited.catch(() => undefined);
      await Promise.race([ready, exited]);
    },
    async stop() {
      const running = child;
      child = undefined;
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
      const gone = once(running, 'exit');
      running.kill('SIGTERM');
      await gone;
    },
    async pids() {
      const { stdout } = await peer.cli(['status', '--json']);
      const status = JSON.parse(stdout) as { programs: { name: string; pid: number }[] };
      return new Map(status.programs.map((p) => [p.name, p.pid]));
    },
    async close() {
      await peer.stop();
      await rm(base.folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  return peer;
}
