/**
 * Places at destinations: at most `limit` attempts at a time for each, over all processes (Coordination), first come first served within one.
 * A place is handed from one attempt to the next, so that a busy destination asks the coordination once and not for each message.
 * Within the limit each process keeps a window that answers widen and silence narrows, so that hosts which stall hold few of our sockets and little of our
 * memory, and the mail of others flows.
 */
import type { Clock } from '#runtime/ambient.ts';
import type { Coordination, Lease } from '#runtime/coordination.ts';

/** How soon to ask again for a place that other processes hold. */
const ASK_AGAIN_MS = 1_000;
/** Places at a destination that has not answered yet. */
const FIRST_WINDOW = 5;
/** How many may wait for a place: at one that has not answered yet, and at one that has. */
const FIRST_ROOM = 10;
const ROOM = 200;
/** How long a place is kept that nobody wants at the moment: under load somebody will, before it could be given back and asked for again. */
const KEEP_MS = 100;
/** Windows that are remembered; those longest unused go first. */
const WINDOWS = 10_000;

interface Line {
  readonly waiting: ((lease: Lease) => void)[];
  /** Places that are kept and free; they count as active. */
  readonly kept: Lease[];
  cancelKeep: (() => void) | undefined;
  active: number;
  asking: boolean;
}

export class Destinations {
  readonly #coordination: Coordination;
  readonly #clock: Clock;
  readonly #limit: (key: string) => number;
  readonly #lines = new Map<string, Line>();
  readonly #windows = new Map<string, number>();

  constructor(coordination: Coordination, clock: Clock, limit: (key: string) => number) {
    this.#coordination = coordination;
    this.#clock = clock;
    this.#limit = limit;
  }

  /** How many more may wait for a place at this destination. */
  room(key: string): number {
    const room = this.#window(key) > FIRST_WINDOW ? ROOM : FIRST_ROOM;
    return room - (this.#lines.get(key)?.waiting.length ?? 0);
  }

  /** Few wait: it is time to bring more. */
  hasRoom(key: string): boolean {
    return this.room(key) >= (this.#window(key) > FIRST_WINDOW ? ROOM / 2 : 1);
  }

  /** Runs `work` once there is a place. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const lease = await this.#place(key);
    try {
      return await work();
    } finally {
      this.#passOn(key, lease);
    }
  }

  /** An attempt has ended: the destination answered, be it with a refusal, or it was silent, spoke nonsense or hung up. */
  ended(key: string, answered: boolean): void {
    const window = this.#window(key);
    const next = answered ? Math.min(window + 1, this.#limit(key)) : Math.max(1, window >> 1);
    this.#windows.delete(key);
    this.#windows.set(key, next);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size > WINDOWS && oldest !== undefined) this.#windows.delete(oldest);
  }

  #window(key: string): number {
    return Math.min(this.#windows.get(key) ?? FIRST_WINDOW, this.#limit(key));
  }

  #place(key: string): Promise<Lease> {
    const line = this.#lines.get(key) ?? {
      waiting: [],
      kept: [],
      cancelKeep: undefined,
      active: 0,
      asking: false,
    };
    this.#lines.set(key, line);
    const kept = line.kept.pop();
    if (kept !== undefined) return Promise.resolve(kept);
    return new Promise((resolve) => {
      line.waiting.push(resolve);
      this.#ask(key, line);
    });
  }

  #passOn(key: string, lease: Lease): void {
    const line = this.#lines.get(key);
    if (line === undefined) {
      lease.release();
      return;
    }
    const fits = line.active <= this.#window(key);
    const next = fits ? line.waiting.shift() : undefined;
    if (next !== undefined) next(lease);
    else if (fits) this.#keep(key, line, lease);
    else {
      lease.release();
      line.active -= 1;
    }
    // A window that has become wider has places to ask for.
    this.#ask(key, line);
    this.#forget(key);
  }

  #keep(key: string, line: Line, lease: Lease): void {
    line.kept.push(lease);
    line.cancelKeep ??= this.#clock.after(KEEP_MS, () => {
      line.cancelKeep = undefined;
      line.active -= line.kept.length;
      for (const kept of line.kept.splice(0)) kept.release();
      this.#forget(key);
    });
  }

  #forget(key: string): void {
    const line = this.#lines.get(key);
    if (line !== undefined && line.waiting.length === 0 && line.active === 0 && !line.asking) this.#lines.delete(key);
  }

  /** One question at a time for each destination, as long as somebody waits. */
  #ask(key: string, line: Line): void {
    if (line.asking || !this.#wants(key, line)) return;
    line.asking = true;
    void this.#askUntilServed(key, line);
  }

  #wants(key: string, line: Line): boolean {
    return line.waiting.length > 0 && line.active < this.#window(key);
  }

  async #askUntilServed(key: string, line: Line): Promise<void> {
    while (this.#wants(key, line)) {
      const lease = await this.#tryAcquire(key);
      if (lease === undefined) {
        await new Promise<void>((resolve) => this.#clock.after(ASK_AGAIN_MS, resolve));
        continue;
      }
      const next = line.waiting.shift();
      if (next === undefined) lease.release();
      else {
        line.active += 1;
        next(lease);
      }
    }
    line.asking = false;
    this.#forget(key);
  }

  async #tryAcquire(key: string): Promise<Lease | undefined> {
    try {
      return await this.#coordination.acquire(`delivery:${key}`, this.#limit(key));
    } catch {
      // Whoever coordinates is restarting: it is asked again in a moment, as when no place is free.
      return undefined;
    }
  }
}
