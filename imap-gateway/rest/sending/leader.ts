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

/** Resolves when the signal was aborted and everything has ended. Does not reject. */
export async function lead(options: LeaderOptions): Promise<void> {
  const { coordination, clock, log, signal } = options;
  while (!signal.aborted) {
    let place: Lease | undefined;
    try {
      place = await coordination.acquire(PLACE, 1);
      if (place !== undefined) await serve(options);
    } catch (error) {
      log.warn({ error }, 'outboxes can not be drained at the moment');
    } finally {
      place?.release();
    }
    await pause(clock, signal);
  }
}

async function serve({ store, duties, signal, log }: LeaderOptions): Promise<void> {
  const all = duties();
  try {
    let begun = false;
    for await (const batch of store.watch(undefined, signal)) {
      if (!begun || batch.rescan) await Promise.all(all.map((duty) => duty.begin()));
      begun = true;
      tell(all, batch);
    }
  } finally {
    for (const duty of all) await duty.end().catch((error: unknown) => log.error({ error }, 'a duty did not end'));
  }
}

function tell(duties: readonly Duty[], { notices }: NoticeBatch): void {
  for (const notice of notices) for (const duty of duties) duty.noticed(notice);
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
