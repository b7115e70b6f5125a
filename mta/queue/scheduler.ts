/**
 * Drives the queue: takes what is due, has it attempted, records what came of it. It sleeps until the next entry is due or the queue says that
 * something changed, and holds a bounded number of entries in hand. Exactly one scheduler runs on a queue at a time (`main.ts` sees to it).
 */

import type { Notice } from '#mail/dsn/notice.ts';
import type { Clock, Log } from '#runtime/ambient.ts';
import { faultPoint } from '#runtime/fault-points.ts';
import type { NewQueueEntry, Outcome, Queue, QueueEntry, QueueId, QueueRecipient } from '#store/queue.ts';
import type { Verdict } from '../delivery/verdict.ts';
import type { Destination } from '../routing/destination.ts';
import { type ConcludePolicy, conclude, troubleVerdicts } from './conclude.ts';
import type { Destinations } from './destinations.ts';

export interface SchedulerOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly log: Log;
  /** As it is now: the configuration may be replaced while running. */
  policy(): ConcludePolicy;
  readonly destinations: Destinations;
  fraction(): number;
  destinationOf(recipient: QueueRecipient): Promise<Destination>;
  attempt(entry: QueueEntry, recipients: readonly QueueRecipient[], destination: Destination): Promise<Verdict[]>;
  report(entry: QueueEntry, notices: readonly Notice[]): Promise<NewQueueEntry[]>;
}

const IN_HAND = 5_000;
/** Entries beyond the room at a destination are only remembered by id, so that slow peers don't fill the hand; so many of one. */
const PARKED = 20_000;
const BATCH = 100;
/** Recipients of one entry that end within this time share a report. */
const GATHER_MS = 500;
/** After a look that took x milliseconds there is none for this many times x. */
const PAUSE_FACTOR = 4;
const TROUBLE_MS = 5_000;
const HOLD_MS = 60_000;
const SETTLE_TRIES = 5;

interface Group {
  readonly destination: Destination;
  readonly recipients: QueueRecipient[];
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #inHand = new Map<QueueId, Promise<void>>();
  /** By destination. They are due, and wait until that destination has caught up. */
  readonly #parked = new Map<string, Set<QueueId>>();
  #running = false;
  #looking = false;
  #again = false;
  #cancelTimer: (() => void) | undefined;
  #stopListening: (() => void) | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  get inHand(): number {
    return this.#inHand.size;
  }

  start(): void {
    this.#running = true;
    this.#stopListening = this.#options.queue.onChange(() => this.#look());
    this.#look();
  }

  /** Takes nothing more and waits for what is in hand, until `signal` aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#running = false;
    this.#stopListening?.();
    this.#cancelTimer?.();
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([Promise.allSettled(this.#inHand.values()), aborted]);
  }

  /** One look at a time; what changes meanwhile makes it look once more. */
  #look(): void {
    if (!this.#running) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    this.#again = false;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const begun = this.#options.clock.now();
    void this.#takeDue().then(
      (wait) => this.#looked(wait, begun),
      (error: unknown) => {
        this.#options.log.warn({ err: error }, 'cannot read the queue');
        this.#looked(TROUBLE_MS, begun);
      },
    );
  }

  #looked(waitMs: number | undefined, begun: number): void {
    const { clock } = this.#options;
    const pause = PAUSE_FACTOR * (clock.now() - begun);
    // Under load each look passes over all that is in hand. So looking stays a small part of the work, and each look finds more.
    if (pause > 0) clock.after(pause, () => this.#rested(waitMs));
    else this.#rested(waitMs);
  }

  #rested(waitMs: number | undefined): void {
    this.#looking = false;
    if (!this.#running) return;
    if (this.#again) this.#look();
    else if (waitMs !== undefined) this.#cancelTimer = this.#options.clock.after(waitMs, () => this.#look());
  }

  /** Takes all that is due and fits; answers how long to sleep, `undefined` until something changes or ends. */
  async #takeDue(): Promise<number | undefined> {
    const { queue, clock } = this.#options;
    for (;;) {
      const room = Math.min(BATCH, IN_HAND - this.#inHand.size);
      if (room <= 0 || !this.#running) return undefined;
      const except = new Set(this.#inHand.keys());
      for (const ids of this.#parked.values()) for (const id of ids) except.add(id);
      const entries = await queue.due(clock.now(), room, except);
      if (!this.#running) return undefined;
      for (const entry of entries) this.#take(entry);
      if (entries.length === room) continue;
      if (this.#inHand.size > 0 || this.#parked.size > 0) {
        // What is in hand counts as due, so `nextDue` says nothing about the others: each that ends looks again, and this is for the rest.
        return Math.max(1_000, ((await queue.nextDue()) ?? Number.POSITIVE_INFINITY) - clock.now());
      }
      const next = await queue.nextDue();
      return next === undefined ? undefined : Math.max(1, next - clock.now());
    }
  }

  #take(entry: QueueEntry): void {
    if (this.#inHand.has(entry.id)) return;
    const work = this.#process(entry)
      .catch((error: unknown) => this.#hold(entry.id, error))
      .finally(() => {
        this.#inHand.delete(entry.id);
        this.#look();
      });
    this.#inHand.set(entry.id, work);
  }

  /** Whatever went wrong would go wrong again at once, and might deliver again: the entry stays in hand for a while. */
  async #hold(id: QueueId, error: unknown): Promise<void> {
    const { log, clock } = this.#options;
    log.error({ queue: id, err: error }, 'entry failed unexpectedly');
    if (this.#running) await new Promise<void>((resolve) => clock.after(HOLD_MS, resolve));
  }

  async #process(entry: QueueEntry): Promise<void> {
    const now = this.#options.clock.now();
    const due = entry.recipients.filter((r) => r.state === 'pending' && r.nextAttemptAt <= now);
    const settlement = new Settlement(entry, this.#options);
    const groups = await this.#group(due, settlement);
    const ready = groups.filter((group) => !this.#park(entry.id, group.destination.key));
    await Promise.all(ready.map((group) => this.#attempt(entry, group, settlement)));
    await settlement.finish();
  }

  async #group(recipients: readonly QueueRecipient[], settlement: Settlement): Promise<Group[]> {
    const groups = new Map<string, Group>();
    for (const recipient of recipients) {
      let destination: Destination;
      try {
        destination = await this.#options.destinationOf(recipient);
      } catch (error) {
        this.#options.log.warn({ err: error }, 'cannot tell where a recipient belongs');
        settlement.add(troubleVerdicts([recipient], this.#options.clock.now()), 0);
        continue;
      }
      const group = groups.get(destination.key) ?? { destination, recipients: [] };
      group.recipients.push(recipient);
      groups.set(destination.key, group);
    }
    return [...groups.values()];
  }

  async #attempt(entry: QueueEntry, group: Group, settlement: Settlement): Promise<void> {
    const { destinations, clock, log } = this.#options;
    const key = group.destination.key;
    settlement.expect();
    let verdicts: Verdict[];
    faultPoint('mta:attempting');
    try {
      // Who gets a place only once we drain isn't tried any more, and stays as it is in the queue.
      verdicts = await destinations.run(key, async () => {
        if (!this.#running) return [];
        const found = await this.#options.attempt(entry, group.recipients, group.destination);
        destinations.ended(key, found.some(answered));
        return found;
      });
    } catch (error) {
      log.error({ queue: entry.id, destination: key, err: error }, 'attempt failed unexpectedly');
      verdicts = troubleVerdicts(group.recipients, clock.now());
    }
    faultPoint('mta:attempted');
    const { kind } = group.destination;
    settlement.add(kind === 'local' ? verdicts.map((verdict) => ({ ...verdict, local: true })) : verdicts, 1);
    this.#unpark(key);
  }

  #park(id: QueueId, key: string): boolean {
    if (this.#options.destinations.room(key) > 0) return false;
    const ids = this.#parked.get(key) ?? new Set();
    if (ids.size >= PARKED) return false;
    this.#parked.set(key, ids.add(id));
    return true;
  }

  /** Lets as many be found again as there is room for, so that a long line is not read over and over. */
  #unpark(key: string): void {
    const { destinations } = this.#options;
    const ids = this.#parked.get(key);
    if (ids === undefined || !destinations.hasRoom(key)) return;
    let room = destinations.room(key);
    for (const id of ids) {
      if (room-- === 0) break;
      ids.delete(id);
    }
    if (ids.size === 0) this.#parked.delete(key);
  }
}

/** Somebody at the destination said something about the recipient, be it a refusal. */
function answered(verdict: Verdict): boolean {
  return verdict.kind !== 'deferred' || verdict.remoteMta !== undefined;
}

/** Gathers verdicts of one entry and records them together, but never waits long for a slow destination. */
class Settlement {
  readonly #entry: QueueEntry;
  readonly #options: SchedulerOptions;
  #verdicts: Verdict[] = [];
  #expected = 0;
  #cancel: (() => void) | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(entry: QueueEntry, options: SchedulerOptions) {
    this.#entry = entry;
    this.#options = options;
  }

  expect(): void {
    this.#expected += 1;
  }

  /** @param fulfilled how many of the expected groups this is. */
  add(verdicts: readonly Verdict[], fulfilled: number): void {
    this.#verdicts.push(...verdicts);
    this.#expected -= fulfilled;
    if (this.#expected > 0) this.#cancel ??= this.#options.clock.after(GATHER_MS, () => this.#flush());
  }

  async finish(): Promise<void> {
    this.#flush();
    await this.#last;
  }

  #flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const verdicts = this.#verdicts;
    this.#verdicts = [];
    if (verdicts.length === 0) return;
    this.#last = this.#last.then(() => this.#record(verdicts));
    // `finish` hears of a failure; until it is called nobody else listens.
    this.#last.catch(() => undefined);
  }

  async #record(verdicts: readonly Verdict[]): Promise<void> {
    const { queue, log, clock } = this.#options;
    const { outcomes, notices } = conclude(this.#entry, verdicts, this.#options.policy(), () =>
      this.#options.fraction(),
    );
    for (const outcome of outcomes) logOutcome(log, this.#entry, outcome);
    for (let tries = 1; ; tries++) {
      try {
        const reports = notices.length === 0 ? [] : await this.#options.report(this.#entry, notices);
        if (reports.length > 0) faultPoint('mta:reported');
        await queue.settle(this.#entry.id, outcomes, reports);
        return;
      } catch (error) {
        // What was delivered and can't be recorded would be delivered again: worth some patience.
        log.warn({ queue: this.#entry.id, tries, err: error }, 'cannot record what came of an attempt');
        if (tries === SETTLE_TRIES) throw error;
        await new Promise<void>((resolve) => clock.after(TROUBLE_MS, resolve));
      }
    }
  }
}

function logOutcome(log: Log, entry: QueueEntry, outcome: Outcome): void {
  const recipient = entry.recipients.find(({ index }) => index === outcome.index);
  const fields = {
    queue: entry.id,
    to: recipient === undefined ? undefined : `${recipient.address.localPart}@${recipient.address.domain}`,
    remote: outcome.remoteMta,
    reply: outcome.reply === undefined ? undefined : `${outcome.reply.code} ${outcome.reply.lines[0] ?? ''}`,
    ...(outcome.verdict === 'deferred' && { next: new Date(outcome.nextAttemptAt).toISOString() }),
  };
  log.info(fields, outcome.verdict);
}
