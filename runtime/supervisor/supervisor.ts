/**
 * The parent of all programs: binds every port and Unix socket, accepts, and deals the sockets to its children (DESIGN §5). It reads
 * nothing from them, so it has little to go wrong, and a child can crash, hang or be replaced without a refused connection.
 */
import { mkdirSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { Config, ProgramName } from '#config/config.ts';
import { type ListenerDescription, listenersOf, PROTOCOLS } from '#config/protocols.ts';
import { MailError } from '#mail/failure.ts';
import type { Clock, Log } from '../ambient.ts';
import { CoordinationService } from '../coordination-service.ts';
import { diskSpace } from '../disk-space.ts';
import { LocalCoordination } from '../local-coordination.ts';
import { createMetrics, type Metrics, type Snapshot } from '../metrics/metrics.ts';
import { watchProcess } from '../metrics/process-metrics.ts';
import { loadServerCertificate } from '../tls/server-certificate.ts';
import { type SupervisorStatus, serveControl } from './control.ts';
import { Figures } from './figures.ts';
import { checkReach, childIdentity, giveTo, type Identity } from './identity.ts';
import { DRAIN_ORDER, innerPaths, placesOf, RESTART_ORDER } from './layout.ts';
import { Listeners } from './listeners.ts';
import { type FolderLock, lockFolder } from './lock.ts';
import { Pool, type PoolTiming, type Replaced } from './pool.ts';
import { Troubles } from './troubles.ts';

export interface ProgramEntry {
  readonly name: ProgramName;
  /** Absolute path of its `main.ts`, which calls `runProgram`. */
  readonly entry: string;
  /** For V8. */
  readonly flags?: readonly string[];
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
  /**
   * Replaces the processes of all programs, or of one, by new ones with the code as it is now, while connections go on being accepted. Resolves when the new ones
   * serve; the old ones may still drain. Throws when it can't be.
   */
  restart(only?: string): Promise<readonly Replaced[]>;
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
  if (process.getuid?.() === 0 && identity === undefined) {
    options.log.warn({}, 'the programs run as root: set `user` in the configuration');
  }
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
  readonly #metrics: Metrics = createMetrics();
  readonly #troubles: Troubles;
  readonly #figures: Figures;
  #config: Config;
  #control: Server | undefined;
  #stopped: Promise<void> | undefined;
  #restarting = false;
  readonly #since: number;
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
    this.#since = options.clock.now();
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
    this.#coordination = new LocalCoordination(options.clock);
    this.#troubles = new Troubles(options.clock);
    this.#figures = new Figures(
      this.#metrics,
      this.#coordination,
      () => [...this.#pools.values()],
      () => this.#config.data,
    );
    this.#listeners = new Listeners(identity, options.log, ({ name, program }, socket) => {
      this.#metrics.counter('connections_total', { listener: name }).add();
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
      restart: (program) => this.restart(program),
      coordination: this.#coordination,
    });
    await this.#listeners.apply(this.#places(this.#config));
    const coordination = new CoordinationService(this.#coordination);
    const timing = { ...DEFAULT_TIMING, ...this.#options.timing };
    const { totals } = this.#figures;
    const metrics = this.#metrics;
    const scrape = (): Promise<Snapshot> => this.#figures.scrape();
    watchProcess(metrics, clock);
    for (const { name, entry, flags = [] } of this.#programs) {
      const size = this.#config.workers[name];
      const identity = this.#identity;
      this.#pools.set(
        name,
        new Pool({
          name,
          entry,
          flags,
          size,
          config: this.#config,
          keys,
          identity,
          clock,
          log,
          timing,
          coordination,
          metrics,
          totals,
          troubles: this.#troubles,
          scrape,
        }),
      );
    }
    void Promise.all([...this.#pools.values()].map((pool) => pool.ready)).then(() => this.#resolveReady());
  }

  async status(): Promise<SupervisorStatus> {
    const programs = [...this.#pools.values()].flatMap((pool) =>
      pool.workers.map(({ pid, startedAt, state, connections, claims }) => ({
        name: pool.name,
        pid: pid ?? 0,
        since: new Date(startedAt).toISOString(),
        state,
        connections,
        serves: [...claims].toSorted((a, b) => (a < b ? -1 : 1)),
      })),
    );
    const { version } = this.#options;
    const sessions: Record<string, number> = {};
    for (const { protocol } of await this.#coordination.sessions()) sessions[protocol] = (sessions[protocol] ?? 0) + 1;
    const disk = await diskSpace(this.#config.data);
    const supervisor = { pid: process.pid, since: new Date(this.#since).toISOString() };
    const troubles = this.#troubles.list();
    return { version, programs, supervisor, listeners: this.#described(), sessions, disk, troubles };
  }

  async reload(config: Config): Promise<void> {
    if (config.data !== this.#config.data || config.user !== this.#config.user) {
      throw new Error('data and user cannot change while running: stop and start instead');
    }
    const keys = await loadServerCertificate(config, this.#options.clock.now());
    await this.#listeners.apply(this.#places(config));
    this.#config = config;
    for (const { name } of this.#programs) this.#pools.get(name)?.reload(config, keys, config.workers[name]);
  }

  async restart(only?: string): Promise<readonly Replaced[]> {
    const names = RESTART_ORDER.filter((name) => this.#pools.has(name) && (only === undefined || name === only));
    if (names.length === 0) throw new MailError('bad-request', `no ${only ?? 'program'} runs here`);
    if (this.#restarting) throw new MailError('unavailable', 'a restart is under way already');
    if (this.#stopped !== undefined) throw new MailError('unavailable', 'the peer is stopping');
    this.#restarting = true;
    const replaced: Replaced[] = [];
    try {
      for (const name of names) replaced.push(...((await this.#pools.get(name)?.replace()) ?? []));
    } catch (error) {
      throw new MailError('unavailable', error instanceof Error ? error.message : String(error), { cause: error });
    } finally {
      this.#restarting = false;
    }
    return replaced;
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
  if (owner === undefined || folders[0] === undefined) return;
  checkReach(owner, folders[0]);
  giveTo(owner, folders[0]);
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
