/** What went wrong lately in any process, as its log said it at level `error`: for `peerpost status`, where nobody has to search the log for it. */
import type { Clock } from '../ambient.ts';

export interface Trouble {
  readonly program: string;
  readonly what: string;
  /** The words of the error, as of the last time. */
  readonly why?: string;
  readonly times: number;
  /** RFC 3339 in UTC. */
  readonly lastAt: string;
}

const HOUR = 3_600_000;
/** Different ones that are remembered; those that were not seen for longest go first. */
const MOST = 50;

export class Troubles {
  readonly #clock: Clock;
  readonly #seen = new Map<string, { program: string; what: string; why?: string; times: number; lastAt: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(program: string, what: string, why?: string): void {
    const key = `${program} ${what}`;
    const times = (this.#seen.get(key)?.times ?? 0) + 1;
    this.#seen.delete(key);
    this.#seen.set(key, { program, what, ...(why !== undefined && { why }), times, lastAt: this.#clock.now() });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MOST && oldest !== undefined) this.#seen.delete(oldest);
  }

  /** Those of the last hour, the newest first. */
  list(): Trouble[] {
    const since = this.#clock.now() - HOUR;
    for (const [key, { lastAt }] of this.#seen) if (lastAt < since) this.#seen.delete(key);
    return [...this.#seen.values()].reverse().map((one) => ({ ...one, lastAt: new Date(one.lastAt).toISOString() }));
  }
}
