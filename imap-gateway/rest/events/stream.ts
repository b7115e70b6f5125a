/**
 * Server-sent events (WHATWG HTML §9.2) from an account's log. The id of an event is the modseq of its commit, said with the last event of that commit, so that `Last-Event-ID` goes on
 * exactly behind it. Nothing is kept for a client: the next part of the log is read when it has taken the last one.
 */
import type { Clock } from '#runtime/ambient.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, ModSeq } from '#store/types.ts';
import type { ViewCache } from '#store/view-cache.ts';
import { type AccountEvent, eventsOf } from './event.ts';

export interface EventStreamOptions {
  readonly store: MailStore;
  readonly views: ViewCache;
  readonly clock: Clock;
  readonly access: Access;
  /** What the client has seen; absent: from now on. */
  readonly since: ModSeq | undefined;
  readonly wanted: (type: string) => boolean;
  /** Whether who asked may still know. */
  readonly mayGoOn: () => Promise<boolean>;
  /** Aborted when the client is gone, or the process drains. */
  readonly signal: AbortSignal;
}

/** Records that are read at a time. */
const PART = 200;
/** Milliseconds without an event after which something is said all the same: middle boxes forget silent connections. */
export const HEARTBEAT = 20_000;
/** How often it is asked whether who listens still may: a token or an app password that is removed ends its streams within this. */
const CHECK = 5_000;
/** The same before something is told. */
const CHECK_BEFORE = 1_000;
/** Milliseconds after which a client comes again that was cut off. */
const COME_AGAIN = 2_000;

export async function* eventStream(options: EventStreamOptions): AsyncGenerator<string, void, undefined> {
  const { store, views, clock, access, wanted, signal } = options;
  const alarm = new Alarm(clock, signal);
  const unwatch = views.watchAccount(access.owner, () => alarm.ring());
  try {
    const { modseq } = await store.accountState(access);
    // From a log that went back, as after a restore, nothing follows.
    const lost = options.since !== undefined && options.since > modseq;
    let at = lost ? modseq : (options.since ?? modseq);
    yield `retry: ${COME_AGAIN}\n${lost ? reset(modseq) : block('ready', {}, at)}`;
    let checkedAt = clock.now();
    let saidAt = checkedAt;
    const mayGoOn = async (after: number): Promise<boolean> => {
      if (clock.now() - checkedAt < after) return true;
      checkedAt = clock.now();
      return await options.mayGoOn();
    };
    while (!signal.aborted) {
      const changes = await store.changes(access, at, PART);
      const news = !changes.complete || changes.records.length > 0;
      if (!(await mayGoOn(news ? CHECK_BEFORE : CHECK))) return;
      const text = changes.complete
        ? blocks(await eventsOf(options, access, changes.records, wanted))
        : reset(changes.modseq);
      const more = changes.complete && changes.records.length >= PART;
      at = changes.modseq;
      if (text !== '') {
        saidAt = clock.now();
        yield text;
      }
      if (more || (await alarm.wait(CHECK)) || signal.aborted || clock.now() - saidAt < HEARTBEAT) continue;
      saidAt = clock.now();
      yield `: ${at}\n\n`;
    }
  } finally {
    unwatch();
  }
}

/** The client's knowledge is too old to be brought up to date: it must read afresh. */
const reset = (modseq: ModSeq): string => block('reset', {}, modseq);

function blocks(events: readonly AccountEvent[]): string {
  return events
    .map(({ type, data, modseq }, i) => block(type, data, events[i + 1]?.modseq === modseq ? undefined : modseq))
    .join('');
}

/** JSON has no line end of its own. */
function block(type: string, data: object, id: ModSeq | undefined): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Something to wait for that may have happened already. */
class Alarm {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #rang = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  ring(): void {
    this.#rang = true;
    this.#wake?.();
  }

  /** True when it rang; false after so many milliseconds, or when the signal was aborted. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#rang && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(ms, end);
        const signal = this.#signal;
        function end(): void {
          cancel();
          signal.removeEventListener('abort', end);
          resolve();
        }
        this.#wake = end;
        signal.addEventListener('abort', end, { once: true });
      });
      this.#wake = undefined;
    }
    const rang = this.#rang;
    this.#rang = false;
    return rang;
  }
}
