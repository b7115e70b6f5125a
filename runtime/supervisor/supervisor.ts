/**
 * The parent of all programs: binds every port and Unix socket, accepts, and deals the sockets to its children (DESIGN §5). It reads
 * nothing from them, so it has little to go wrong, and a child can crash, hang or be replaced without a refused connection.
 */
import { mkdirSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { Config, ProgramName } from '#config/config.ts';
import { type ListenerDescription, listenersOf, PROTOCOLS } from '#config/protocols.ts';
import type { Clock, Log } from '../ambient.ts';
import { CoordinationService } from '../coordination-service.ts';
import { LocalCoordination } from '../local-coordination.ts';
import { loadServerCertificate } from '../tls/server-certificate.ts';
import { diskSpace, type SupervisorStatus, serveControl } from './control.ts';
import { childIdentity, giveTo, type Identity } from './identity.ts';
import { DRAIN_ORDER, innerPaths, placesOf } from './layout.ts';
import { Listeners } from './listeners.ts';
import { type FolderLock, lockFolder } from './lock.ts';
import { Pool, type PoolTiming } from './pool.ts';

export interface ProgramEntry {
  readonly name: ProgramName;
  /** Absolute path of its `main.ts`, which calls `runProgram`. */
  readonly entry: string;
}

export interface SupervisorOptions {
  readonly config: Config;
  readonly programs: readonly ProgramEntry[];
  /** Runs this one alone. */
  readonly only?: ProgramName;
  readonly version: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly timing?: Partial<PoolTiming>;
}

export interface Supervisor {
  /** Resolves when every program has been ready. Everything listens before, connections wait. */
  readonly ready: Promise<void>;
  status(): Promise<SupervisorStatus>;
  /** Certificates and limits anew, listeners and numbers of workers as the new configuration has them. Throws and changes nothing when that can't be. */
  reload(config: Config): Promise<void>;
  /** Stops accepting, lets every program finish within the deadline, and kills what does not. */
  stop(deadlineMs: number): Promise<void>;
  /** Ends all children at once. */
  kill(): void;
}

export const DEFAULT_TIMING: PoolTiming = {
  startMs: 60_000,
  pingMs: 5_000,
  hungMs: 30_000,
  restartMs: 100,
  restartMaxMs: 30_000,
  stableMs: 60_000,
  waitMs: 60_000,
};

/** Resolves when everything listens and the programs are starting. Rejects with an `Error` whose message is for the admin. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const { config, only } = options;
  const programs = options.programs.filter(({ name }) => only === undefined || name === only);
  const identity = childIdentity(config.user);
  const paths = innerPaths(config.data);
  makeFolders([config.data, paths.run], identity);
  const locks = takeLocks(paths.run, programs, config.data);
  const supervisor = new Running(options, programs, identity, locks);
  try {
    await supervisor.start();
  } catch (error) {
    supervisor.abandon();
    throw error;
  }
  return supervisor;
}

class Running implements Supervisor {
  readonly ready: Promise<void>;
  readonly #options: SupervisorOptions;
  readonly #programs: readonly ProgramEntry[];
  readonly #identity: Identity | undefined;
  readonly #locks: readonly FolderLock[];
  readonly #coordination: LocalCoordination;
  readonly #pools = new Map<string, Pool>();
  readonly #listeners: Listeners;
  #config: Config;
  #control: Server | undefined;
  #stopped: Promise<void> | undefined;
  #resolveReady: () => void = () => undefined;

  constructor(
    options: SupervisorOptions,
    programs: readonly ProgramEntry[],
    identity: Identity | undefined,
    locks: readonly FolderLock[],
  ) {
    this.#options = options;
    this.#programs = programs;
    this.#identity = identity;
    this.#locks = locks;
    this.#config = options.config;
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
    this.#coordination = new LocalCoordination(options.clock);
    this.#listeners = new Listeners(identity, options.log, ({ name, program }, socket) => {
      const pool = this.#pools.get(program);
      if (pool === undefined) socket.destroy();
      else pool.offer({ listener: name, socket, since: options.clock.now() });
    });
  }

  async start(): Promise<void> {
    const { clock, log, only } = this.#options;
    const keys = await loadServerCertificate(this.#config, clock.now());
    const paths = innerPaths(this.#config.data);
    this.#control = await serveControl({
      path: only === undefined ? paths.control : join(paths.run, `control-${only}.sock`),
      owner: this.#identity,
      log,
      status: () => this.status(),
      coordination: this.#coordination,
    });
    await this.#listeners.apply(this.#places(this.#config));
    const coordination = new CoordinationService(this.#coordination);
    const timing = { ...DEFAULT_TIMING, ...this.#options.timing };
    for (const { name, entry } of this.#programs) {
      const size = this.#config.workers[name];
      const identity = this.#identity;
      this.#pools.set(
        name,
        new Pool({ name, entry, size, config: this.#config, keys, identity, clock, log, timing, coordination }),
      );
    }
    void Promise.all([...this.#pools.values()].map((pool) => pool.ready)).then(() => this.#resolveReady());
  }

  async status(): Promise<SupervisorStatus> {
    const programs = [...this.#pools.values()].flatMap((pool) =>
      pool.workers.map(({ pid, startedAt }) => ({
        name: pool.name,
        pid: pid ?? 0,
        since: new Date(startedAt).toISOString(),
      })),
    );
    const { version } = this.#options;
    return { version, programs, listeners: this.#described(), disk: await diskSpace(this.#config.data) };
  }

  async reload(config: Config): Promise<void> {
    if (config.data !== this.#config.data || config.user !== this.#config.user) {
      throw new Error('data and user cannot change while running: restart instead');
    }
    const keys = await loadServerCertificate(config, this.#options.clock.now());
    await this.#listeners.apply(this.#places(config));
    this.#config = config;
    for (const { name } of this.#programs) this.#pools.get(name)?.reload(config, keys, config.workers[name]);
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  kill(): void {
    for (const pool of this.#pools.values()) pool.kill();
  }

  /** After a start that failed. */
  abandon(): void {
    this.kill();
    this.#release();
  }

  async #stop(deadlineMs: number): Promise<void> {
    const end = this.#options.clock.now() + deadlineMs;
    this.#listeners.close(({ inner }) => !inner);
    for (const group of DRAIN_ORDER) {
      const left = Math.max(1_000, end - this.#options.clock.now());
      const pools = group.flatMap((name) => this.#pools.get(name) ?? []);
      await Promise.all(pools.map((pool) => pool.drain(left)));
    }
    this.#release();
  }

  #release(): void {
    this.#listeners.close(() => true);
    this.#control?.close();
    for (const lock of this.#locks) lock.release();
  }

  #places(config: Config): ReturnType<typeof placesOf> {
    return placesOf(
      config,
      this.#programs.map(({ name }) => name),
    );
  }

  #described(): ListenerDescription[] {
    const names = this.#programs.map(({ name }) => name);
    return listenersOf(this.#config).filter(({ protocol }) => {
      const { program } = PROTOCOLS[protocol];
      return program !== undefined && names.includes(program);
    });
  }
}

function makeFolders(folders: readonly string[], owner: Identity | undefined): void {
  for (const folder of folders) mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (owner !== undefined && folders[0] !== undefined) giveTo(owner, folders[0]);
}

/** One lock a program, so that programs may also run under supervisors of their own. */
function takeLocks(run: string, programs: readonly ProgramEntry[], data: string): FolderLock[] {
  const locks: FolderLock[] = [];
  for (const { name } of programs) {
    const lock = lockFolder(run, name);
    if (lock === undefined) {
      for (const taken of locks) taken.release();
      throw new Error(`${name} is running on ${data} already: stop it first (\`peerpost status\` shows its process)`);
    }
    locks.push(lock);
  }
  return locks;
}
