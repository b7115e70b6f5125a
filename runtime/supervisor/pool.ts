/** The identical workers of one program: deals connections to the least loaded, restarts what dies, lets connections wait meanwhile. */
import type { Config } from '#config/config.ts';
import type { Clock, Log } from '../ambient.ts';
import type { CoordinationService } from '../coordination-service.ts';
import type { ListenerName } from '../service.ts';
import type { CertificatePem } from '../tls/self-signed.ts';
import type { Identity } from './identity.ts';
import { isExclusive } from './layout.ts';
import { type Waiting, Worker, type WorkerTiming } from './worker.ts';

export interface PoolTiming extends WorkerTiming {
  /** Pause before the first restart; it doubles with each death in a row, up to the second. */
  readonly restartMs: number;
  readonly restartMaxMs: number;
  /** A worker that lived so long starts a new row. */
  readonly stableMs: number;
  /** How long a connection waits for a worker before it is closed. */
  readonly waitMs: number;
}

export interface PoolOptions {
  readonly name: string;
  readonly entry: string;
  readonly size: number;
  readonly config: Config;
  readonly keys: CertificatePem;
  readonly identity: Identity | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly timing: PoolTiming;
  readonly coordination: CoordinationService;
}

/** Sockets on their way to one worker; the others wait here, where any worker can still get them. */
const MAX_PENDING = 64;
const MAX_WAITING = 4096;

export class Pool {
  readonly name: string;
  /** Resolves when as many workers as wanted have been ready at the same time, once. */
  readonly ready: Promise<void>;
  readonly #options: PoolOptions;
  readonly #workers = new Set<Worker>();
  readonly #waiting = new Map<ListenerName, Waiting[]>();
  #config: Config;
  #keys: CertificatePem;
  #size: number;
  #deaths = 0;
  #stopping = false;
  #resolveReady: () => void = () => undefined;
  #resolveGone: (() => void) | undefined;
  #cancelSweep: () => void;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.name = options.name;
    this.#config = options.config;
    this.#keys = options.keys;
    this.#size = options.size;
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
    this.#cancelSweep = () => undefined;
    this.#sweepLater();
    this.#fill();
  }

  /** Live workers for `status`. */
  get workers(): readonly Worker[] {
    return [...this.#workers];
  }

  offer(waiting: Waiting): void {
    let queue = this.#waiting.get(waiting.listener);
    if (queue === undefined) {
      queue = [];
      this.#waiting.set(waiting.listener, queue);
    }
    if (this.#stopping || queue.length >= MAX_WAITING) {
      waiting.socket.destroy();
      return;
    }
    queue.push(waiting);
    this.#deal(waiting.listener, queue);
  }

  reload(config: Config, keys: CertificatePem, size: number): void {
    this.#config = config;
    this.#keys = keys;
    this.#size = size;
    for (const worker of this.#workers) worker.reload(config, keys);
    this.#fill();
    const surplus = [...this.#workers].filter(({ state }) => state === 'ready').slice(size);
    for (const worker of surplus) worker.drain(60_000);
  }

  /** Resolves when every worker has gone; those that don't go in time are killed. */
  async drain(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    this.#cancelSweep();
    this.#closeWaiting(() => true);
    if (this.#workers.size === 0) return;
    const gone = new Promise<void>((resolve) => {
      this.#resolveGone = resolve;
    });
    for (const worker of this.#workers) worker.drain(deadlineMs);
    await gone;
  }

  kill(): void {
    this.#stopping = true;
    for (const worker of this.#workers) worker.kill('is to end at once');
  }

  #fill(): void {
    if (this.#stopping) return;
    const active = [...this.#workers].filter(({ state }) => state !== 'draining').length;
    for (let missing = this.#size - active; missing > 0; missing--) this.#spawn();
  }

  #spawn(): void {
    const { coordination } = this.#options;
    const options = { ...this.#options, program: this.name };
    const worker: Worker = new Worker(options, this.#config, this.#keys, {
      ready: () => this.#oneReady(worker),
      exited: (code, signal, undelivered) => this.#exited(worker, code, signal, undelivered),
      claimed: () => this.#dealAll(),
      coordinate: (request) => {
        coordination.handle(worker, request).then(
          (answer) => answer && worker.answer(answer),
          (error: unknown) => this.#options.log.error({ error }, 'coordination'),
        );
      },
    });
    coordination.ownerStarted(worker);
    this.#workers.add(worker);
  }

  #oneReady(worker: Worker): void {
    this.#options.log.info({ name: this.name, child: worker.pid }, 'program is ready');
    if ([...this.#workers].filter(({ state }) => state === 'ready').length >= this.#size) this.#resolveReady();
    this.#dealAll();
  }

  #exited(worker: Worker, code: number | null, signal: string | null, undelivered: readonly Waiting[]): void {
    const { clock, coordination, log, timing } = this.#options;
    coordination.ownerGone(worker);
    this.#workers.delete(worker);
    if (this.#stopping) {
      for (const { socket } of undelivered) socket.destroy();
      if (this.#workers.size === 0) this.#resolveGone?.();
      return;
    }
    // Back in front, for they have waited longest.
    for (const waiting of undelivered.toReversed()) this.#waiting.get(waiting.listener)?.unshift(waiting);
    this.#dealAll();
    const lived = clock.now() - worker.startedAt;
    this.#deaths = lived > timing.stableMs ? 1 : this.#deaths + 1;
    const restartMs = Math.min(timing.restartMaxMs, timing.restartMs * 2 ** (this.#deaths - 1));
    log.warn({ name: this.name, child: worker.pid, code, signal, lived, restartMs }, 'program ended; restarting it');
    clock.after(restartMs, () => this.#fill());
  }

  #dealAll(): void {
    for (const [listener, queue] of this.#waiting) this.#deal(listener, queue);
  }

  #deal(listener: ListenerName, queue: Waiting[]): void {
    while (queue.length > 0) {
      const worker = this.#choose(listener);
      if (worker === undefined) return;
      const waiting = queue.shift();
      if (waiting !== undefined && !waiting.socket.destroyed) worker.deal(waiting);
    }
  }

  #choose(listener: ListenerName): Worker | undefined {
    let best: Worker | undefined;
    let candidates = [...this.#workers];
    if (isExclusive(listener)) {
      const claimants = candidates.filter(({ claims }) => claims.has(listener));
      if (claimants.length > 0 || this.#size > 1) candidates = claimants;
    }
    for (const worker of candidates) {
      if (worker.state !== 'ready' || worker.pending >= MAX_PENDING) continue;
      if (best === undefined || worker.connections < best.connections) best = worker;
    }
    return best;
  }

  #sweepLater(): void {
    const { clock, timing } = this.#options;
    this.#cancelSweep = clock.after(Math.max(1_000, timing.waitMs / 4), () => {
      const before = clock.now() - timing.waitMs;
      this.#closeWaiting(({ since }) => since < before);
      this.#sweepLater();
    });
  }

  #closeWaiting(which: (waiting: Waiting) => boolean): void {
    for (const [listener, queue] of this.#waiting) {
      for (const { socket } of queue.filter(which)) socket.destroy();
      this.#waiting.set(
        listener,
        queue.filter((waiting) => !which(waiting)),
      );
    }
  }
}
