/** What the supervisor knows of the whole peer, and the sums of what its children count (`runtime/metrics`). */
import type { Coordination } from '../coordination.ts';
import { diskSpace } from '../disk-space.ts';
import type { Metrics, Snapshot } from '../metrics/metrics.ts';
import { Totals } from '../metrics/totals.ts';
import type { Pool } from './pool.ts';

const SUPERVISOR = { program: 'supervisor', worker: 0 };
/** A process that doesn't answer is counted as it was when it last did. */
const ANSWER_MS = 2_000;
const STATES = ['starting', 'ready', 'draining'] as const;

export class Figures {
  readonly totals = new Totals();
  readonly #metrics: Metrics;
  readonly #pools: () => readonly Pool[];

  constructor(
    metrics: Metrics,
    coordination: Pick<Coordination, 'sessions'>,
    pools: () => readonly Pool[],
    data: () => string,
  ) {
    this.#metrics = metrics;
    this.#pools = pools;
    metrics.beforeLook(() => this.#countWorkers());
    metrics.beforeLook(sessionCounter(metrics, coordination));
    metrics.beforeLook(async () => {
      const { free, total } = await diskSpace(data());
      metrics.gauge('disk_free_bytes').set(free);
      metrics.gauge('disk_bytes').set(total);
    });
  }

  /** The figures of all processes, as they are now. */
  async scrape(): Promise<Snapshot> {
    const pools = this.#pools();
    const measured = pools.flatMap(({ workers }) => workers.map((worker) => worker.measure()));
    const [own] = await Promise.all([this.#metrics.look(), withinTime(Promise.all(measured))]);
    const living = pools.flatMap((pool) => pool.counted());
    return this.totals.sum([{ origin: SUPERVISOR, snapshot: own }, ...living]);
  }

  #countWorkers(): void {
    for (const { name: program, workers, waiting } of this.#pools()) {
      this.#metrics.gauge('connections_waiting', { program }).set(waiting);
      for (const state of STATES) {
        this.#metrics
          .gauge('workers', { program, state })
          .set(workers.filter((worker) => worker.state === state).length);
      }
    }
  }
}

function sessionCounter(metrics: Metrics, coordination: Pick<Coordination, 'sessions'>): () => Promise<void> {
  const counts = new Map<string, { readonly protocol: string; readonly state: string; count: number }>();
  return async () => {
    for (const each of counts.values()) each.count = 0;
    for (const { protocol, login } of await coordination.sessions()) {
      const state = login === undefined ? 'anonymous' : 'authenticated';
      const key = `${protocol} ${state}`;
      const each = counts.get(key) ?? { protocol, state, count: 0 };
      each.count++;
      counts.set(key, each);
    }
    for (const { protocol, state, count } of counts.values()) metrics.gauge('sessions', { protocol, state }).set(count);
  };
}

/** Resolves after `ANSWER_MS` at the latest. */
function withinTime(work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ANSWER_MS);
    void work.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
