/** The identical workers of one program: deals connections to the least loaded, restarts what dies, lets connections wait meanwhile. */
import type { Config } from '#config/config.ts';
import type { Clock, Log } from '../ambient.ts';
import type { CoordinationService } from '../coordination-service.ts';
import type { Metrics, Snapshot } from '../metrics/metrics.ts';
import type { Totals } from '../metrics/totals.ts';
import type { ListenerName } from '../service.ts';
import type { CertificatePem } from '../tls/self-signed.ts';
import { dealOut } from './assignment.ts';
import type { Identity } from './identity.ts';
import { isExclusive, placesOf } from './layout.ts';
import type { Troubles } from './troubles.ts';
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
  readonly flags: readonly string[];
  readonly size: number;
  readonly config: Config;
  readonly keys: CertificatePem;
  readonly identity: Identity | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly timing: PoolTiming;
  readonly coordination: CoordinationService;
  /** The supervisor's own figures, and those of its children. */
  readonly metrics: Metrics;
  readonly totals: Totals;
  readonly troubles: Troubles;
  /** The figures of all programs. */
  scrape(): Promise<Snapshot>;
}

/** One process in the place of another. */
export interface Replaced {
  readonly name: string;
  readonly pid: number;
  readonly replaced: number;
}

/** Sockets on their way to one worker; the others wait here, where any worker can still get them. */
const MAX_PENDING = 64;
const MAX_WAITING = 4096;
/** How long the next worker waits to be replaced until the one before has given its leases up. */
const HAND_OVER_MS = 40_000;

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
  readonly #claimsChanged = new Set<() => void>();
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
      this.#turnAway(waiting);
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
    const surplus = [...this.#workers].filter(({ state, place }) => state === 'ready' && place >= size);
    for (const worker of surplus) worker.drain(config.restart.drainTime, true);
    this.#assign();
  }

  /**
   * Replaces the workers one after the other by new processes with the code as it is now: the new one is ready before the old one drains. Rejects when a new one
   * doesn't start; the old ones go on then.
   */
  async replace(): Promise<Replaced[]> {
    const done: Replaced[] = [];
    for (const old of [...this.#workers].filter(({ state }) => state === 'ready')) {
      const fresh = this.#spawn(old.place, []);
      await fresh.started;
      if (fresh.state !== 'ready')
        throw new Error(`the new ${this.name} did not start; its log says why. The old one goes on`);
      done.push({ name: this.name, pid: fresh.pid ?? 0, replaced: old.pid ?? 0 });
      old.drain(this.#config.restart.drainTime, true);
      this.#assign();
      this.#dealAll();
      await this.#handedOver(old);
    }
    return done;
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
    for (const worker of this.#workers) worker.drain(deadlineMs, false);
    await gone;
  }

  kill(): void {
    this.#stopping = true;
    for (const worker of this.#workers) worker.kill('is to end at once');
  }

  /** What its processes have counted, as far as is known: `measure` them first. */
  counted(): { origin: { program: string; worker: number }; snapshot: Snapshot }[] {
    return Array.from(this.#workers, ({ place, metrics }) => ({
      origin: { program: this.name, worker: place },
      snapshot: metrics,
    }));
  }

  /** Connections that wait for a worker. */
  get waiting(): number {
    let count = 0;
    for (const queue of this.#waiting.values()) count += queue.length;
    return count;
  }

  /** As many as wanted, without counting those that drain: whoever ended was one too many. */
  get #full(): boolean {
    return [...this.#workers].filter(({ state }) => state !== 'draining').length >= this.#size;
  }

  #fill(): void {
    if (this.#stopping) return;
    const active = [...this.#workers].filter(({ state }) => state !== 'draining');
    const taken = new Set(active.map(({ place }) => place));
    const alone = active.length === 0;
    for (let place = 0; place < this.#size; place++) {
      // The first ones take their leases while they start; later ones get them from those that have them.
      if (!taken.has(place)) this.#spawn(place, alone ? this.#share(place) : []);
    }
  }

  /** What the worker at a place is to hold when all are there. */
  #share(place: number): readonly ListenerName[] {
    const all = Array.from({ length: this.#size }, (_, other) => ({ place: other }));
    const dealt = dealOut(this.#exclusive(), this.#size, all);
    return all.flatMap((each) => (each.place === place ? (dealt.get(each) ?? []) : []));
  }

  #exclusive(): ListenerName[] {
    return placesOf(this.#config, [this.name]).flatMap(({ name }) => (isExclusive(name) ? [name] : []));
  }

  /** Deals the leases out among those that are ready, whenever these have changed. */
  #assign(): void {
    const able = [...this.#workers].filter(
      ({ state, hasShare }) => state === 'ready' || (state === 'starting' && hasShare),
    );
    for (const [worker, listeners] of dealOut(this.#exclusive(), this.#size, able)) worker.assign(listeners);
  }

  /** Resolves when a drained worker serves no inner socket any more. */
  async #handedOver(worker: Worker): Promise<void> {
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(HAND_OVER_MS, resolve);
    });
    const free = new Promise<void>((resolve) => {
      const look = (): void => {
        if (worker.claims.size > 0) return;
        this.#claimsChanged.delete(look);
        resolve();
      };
      this.#claimsChanged.add(look);
      look();
    });
    await Promise.race([free, worker.ended, late]);
    cancel();
  }

  #spawn(place: number, assigned: readonly ListenerName[]): Worker {
    const { coordination } = this.#options;
    const options = { ...this.#options, program: this.name, place };
    const worker: Worker = new Worker(options, this.#config, this.#keys, assigned, {
      ready: () => this.#oneReady(worker),
      exited: (code, signal, undelivered) => this.#exited(worker, code, signal, undelivered),
      claimed: () => this.#claimed(),
      troubled: (what, why) => this.#options.troubles.note(this.name, what, why),
      scrape: (call) => {
        void this.#options.scrape().then((samples) => worker.answer({ type: 'scraped', call, samples }));
      },
      coordinate: (request) => {
        coordination.handle(worker, request).then(
          (answer) => answer && worker.answer(answer),
          (error: unknown) => this.#options.log.error({ err: error }, 'coordination'),
        );
      },
    });
    coordination.ownerStarted(worker, (message) => worker.answer(message));
    this.#workers.add(worker);
    return worker;
  }

  #claimed(): void {
    for (const look of this.#claimsChanged) look();
    this.#dealAll();
  }

  #oneReady(worker: Worker): void {
    this.#options.log.info({ name: this.name, child: worker.pid }, 'program is ready');
    if ([...this.#workers].filter(({ state }) => state === 'ready').length >= this.#size) this.#resolveReady();
    this.#assign();
    this.#dealAll();
  }

  #exited(worker: Worker, code: number | null, signal: string | null, undelivered: readonly Waiting[]): void {
    const { clock, coordination, log, metrics, timing, totals } = this.#options;
    coordination.ownerGone(worker);
    this.#workers.delete(worker);
    totals.retire({ program: this.name, worker: worker.place }, worker.metrics);
    const drained = code === 0 && signal === null;
    metrics.counter('worker_exits_total', { program: this.name, cause: drained ? 'drained' : 'died' }).add();
    if (this.#stopping) {
      for (const { socket } of undelivered) socket.destroy();
      if (this.#workers.size === 0) this.#resolveGone?.();
      return;
    }
    // Back in front, for they have waited longest.
    for (const waiting of undelivered.toReversed()) this.#waiting.get(waiting.listener)?.unshift(waiting);
    this.#assign();
    this.#claimed();
    const lived = clock.now() - worker.startedAt;
    const ended = { name: this.name, child: worker.pid, code, signal, lived };
    if (this.#full) {
      log.info(ended, 'program ended, another is in its place');
      return;
    }
    this.#deaths = lived > timing.stableMs ? 1 : this.#deaths + 1;
    const restartMs = Math.min(timing.restartMaxMs, timing.restartMs * 2 ** (this.#deaths - 1));
    log.warn({ ...ended, restartMs }, 'program ended; restarting it');
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

  #turnAway({ listener, socket }: Waiting): void {
    this.#options.metrics.counter('connections_turned_away_total', { listener }).add();
    socket.destroy();
  }

  #closeWaiting(which: (waiting: Waiting) => boolean): void {
    for (const [listener, queue] of this.#waiting) {
      for (const waiting of queue.filter(which)) this.#turnAway(waiting);
      this.#waiting.set(
        listener,
        queue.filter((waiting) => !which(waiting)),
      );
    }
  }
}
