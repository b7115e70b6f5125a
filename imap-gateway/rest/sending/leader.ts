/**
 * Of all workers of the gateway one does what is to be done once: drains outboxes, posts webhooks. Who holds the place at `coordination` is it; a place is free again
 * when its holder dies. Two at once, for a moment, do no harm: what they do is safe to do twice.
 */
import type { Clock, Log } from '#runtime/ambient.ts';
import type { Coordination, Lease } from '#runtime/coordination.ts';
import type { Notice, NoticeBatch } from '#store/change.ts';
import type { MailStore } from '#store/store.ts';

/** What the leader does. */
export interface Duty {
  /** After the place was taken, and when it is not known what was missed. */
  begin(): Promise<void>;
  noticed(notice: Notice): void;
  end(): Promise<void>;
}

export interface LeaderOptions {
  readonly store: Pick<MailStore, 'watch'>;
  readonly coordination: Pick<Coordination, 'acquire'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted when the process drains. */
  readonly signal: AbortSignal;
  readonly duties: () => readonly Duty[];
}

const PLACE = 'rest:outbox';
/** Milliseconds after which a worker asks again whether it is needed. */
const ASK = 1_000;
/** Milliseconds after which a duty that could not begin tries again; the others are at work meanwhile. */
const AGAIN = 5_000;

/** Resolves when the signal was aborted and everything has ended. Does not reject. */
export async function lead(options: LeaderOptions): Promise<void> {
  const { coordination, clock, log, signal } = options;
  while (!signal.aborted) {
    let place: Lease | undefined;
    try {
      place = await coordination.acquire(PLACE, 1);
      if (place !== undefined) await serve(options);
    } catch (error) {
      log.warn({ err: error }, 'outboxes can not be drained at the moment');
    } finally {
      place?.release();
    }
    await pause(clock, signal);
  }
}

async function serve({ store, duties, signal, clock, log }: LeaderOptions): Promise<void> {
  const all = duties().map((duty) => new Begun(duty, clock, log));
  try {
    let begun = false;
    for await (const batch of store.watch(undefined, signal)) {
      if (!begun || batch.rescan) await Promise.all(all.map((one) => one.begin()));
      begun = true;
      for (const { duty } of all) tell(duty, batch);
    }
  } finally {
    for (const one of all) await one.end().catch((err: unknown) => log.error({ err }, 'a duty did not end'));
  }
}

/** A duty that begins for itself: what one can't read keeps no other from its work. */
class Begun {
  readonly duty: Duty;
  readonly #clock: Clock;
  readonly #log: Log;
  #beginning: Promise<void> = Promise.resolve();
  #cancel: () => void = () => undefined;
  #ended = false;

  constructor(duty: Duty, clock: Clock, log: Log) {
    this.duty = duty;
    this.#clock = clock;
    this.#log = log;
  }

  /** One beginning at a time. Does not reject. */
  begin(): Promise<void> {
    this.#beginning = this.#beginning.then(() => this.#begin());
    return this.#beginning;
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#cancel();
    await this.#beginning;
    await this.duty.end();
  }

  async #begin(): Promise<void> {
    this.#cancel();
    if (this.#ended) return;
    try {
      await this.duty.begin();
    } catch (err) {
      this.#log.warn({ err }, 'what waits in outboxes can not be looked for at the moment');
      this.#cancel = this.#clock.after(AGAIN, () => void this.begin());
    }
  }
}

function tell(duty: Duty, { notices }: NoticeBatch): void {
  for (const notice of notices) duty.noticed(notice);
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const cancel = clock.after(ASK, end);
    function end(): void {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    }
    signal.addEventListener('abort', end, { once: true });
  });
}
