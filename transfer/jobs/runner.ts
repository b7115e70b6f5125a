/** Does jobs, whoever has written them down: each at one place at a time, and on from where it was when that place has gone. */
import { MailError } from '#mail/failure.ts';
import type { Clock } from '#runtime/ambient.ts';
import type { Coordination } from '#runtime/coordination.ts';
import { removeAccount } from '#store/accounts.ts';
import type { Account } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import type { OutboxRow } from '#store/store.ts';
import type { AccountId } from '#store/types.ts';
import { accessTo, placeOf } from './book.ts';
import { ENDED, JOB, type Job, type JobOrder } from './job.ts';
import { Keeper } from './keeper.ts';
import { type WorkRooms, work } from './work.ts';

export interface RunnerRooms extends WorkRooms {
  readonly coordination: Pick<Coordination, 'acquire'>;
}

const SWEEP_MS = 30_000;
const TIDY_MS = 3_600_000;
/** A process does so many at a time. */
const AT_ONCE = 4;
/** What must come to its end, and waits for another peer or for the store to be there: an account that has moved halfway is open nowhere. */
const PATIENT: ReadonlySet<string> = new Set(['move', 'restore']);
const PATIENCE_MS = 3 * 86_400_000;
const AGAIN_MS = 60_000;
/** Ends that nobody expected, before it is given up. */
const MOST_FAULTS = 10;

export class JobRunner {
  readonly #rooms: RunnerRooms;
  readonly #stop = new AbortController();
  readonly #running = new Map<string, Promise<void>>();
  /** Not before then, by job. */
  readonly #later = new Map<string, number>();
  #sweeping: Promise<void> = Promise.resolve();
  #cancelSweep: (() => void) | undefined;
  #tidied = Number.NEGATIVE_INFINITY;

  constructor(rooms: RunnerRooms) {
    this.#rooms = rooms;
  }

  /** Finds what others have left, now and again and again. */
  begin(): void {
    if (this.#stop.signal.aborted) return;
    this.#cancelSweep?.();
    this.#sweeping = this.#sweeping
      .then(() => this.#sweep())
      .catch((err: unknown) => {
        this.#rooms.log.warn({ err }, 'jobs could not be looked for');
      });
    this.#cancelSweep = this.#rooms.clock.after(SWEEP_MS, () => this.begin());
  }

  /** What runs here ends soon, and goes on elsewhere. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#cancelSweep?.();
    await this.#sweeping;
    await Promise.all(this.#running.values());
  }

  async #sweep(): Promise<void> {
    const { store, clock } = this.#rooms;
    if (clock.now() - this.#tidied > TIDY_MS) await this.#tidy();
    for (const owner of await store.outboxOwners(JOB)) {
      for (const row of await this.#outbox(owner)) {
        if (row.kind !== JOB || this.#running.has(row.id)) continue;
        if (this.#stop.signal.aborted || this.#running.size >= AT_ONCE) return;
        if ((this.#later.get(row.id) ?? 0) <= clock.now()) this.#take(owner, row);
      }
    }
  }

  /** An account that can't be read keeps nobody else's jobs waiting. */
  async #outbox(owner: AccountId): Promise<readonly OutboxRow[]> {
    try {
      return await this.#rooms.store.outbox(owner);
    } catch (err) {
      this.#rooms.log.warn({ owner, err }, 'jobs of an account could not be looked for');
      return [];
    }
  }

  /** Archives that are too old; and who has no ended jobs to show any more is asked no more. */
  async #tidy(): Promise<void> {
    const { store, clock, files, random } = this.#rooms;
    this.#tidied = clock.now();
    await files.tidy();
    for (const owner of await store.outboxOwners(ENDED)) {
      for (const { id, kind, payload } of await this.#outbox(owner)) {
        if (kind !== ENDED || (await store.record(accessTo(owner), JOB, Buffer.from(payload).toString()))) continue;
        const mutations = [{ type: 'finish-outbox', id }] as const;
        await store.commit({ owner, actor: owner, id: newId('commit', random), mutations });
      }
    }
  }

  #take(owner: AccountId, { id, payload }: OutboxRow): void {
    const order = JSON.parse(Buffer.from(payload).toString()) as JobOrder;
    const running = this.#run(owner, id, order)
      .catch((err: unknown) => this.#rooms.log.warn({ job: id, err }, 'a job could not go on; it will be tried again'))
      .finally(() => this.#running.delete(id));
    this.#running.set(id, running);
  }

  async #run(owner: AccountId, id: string, order: JobOrder): Promise<void> {
    const { coordination, directory } = this.#rooms;
    const place = await coordination.acquire(placeOf(id), 1);
    if (place === undefined) return;
    const cancelled = new AbortController();
    try {
      const account = await directory.account(owner);
      if (account === undefined) return;
      const keeper = new Keeper(this.#rooms, accessTo(owner), id, cancelled);
      const job = await keeper.keep({ state: 'running' });
      const ended = await this.#outcome(account, job, order, cancelled.signal, keeper);
      // The next process goes on, or we do in a while.
      if (ended === undefined) return;
      await keeper.keep({ ...ended, endedAt: this.#rooms.clock.now() });
      await this.#clear(account, order, ended);
    } finally {
      place.release();
    }
  }

  async #outcome(
    account: Account,
    job: Job,
    order: JobOrder,
    cancelled: AbortSignal,
    keeper: Keeper,
  ): Promise<Partial<Job> | undefined> {
    const { clock } = this.#rooms;
    const signal = AbortSignal.any([cancelled, this.#stop.signal]);
    try {
      signal.throwIfAborted();
      keeper.watch();
      const report = (progress: NonNullable<Job['progress']>): void => keeper.report(progress);
      const wait = (ms: number, until: AbortSignal): Promise<void> => waitFor(clock, ms, until);
      return { state: 'done', ...(await work(this.#rooms, { account, job, signal, report, wait }, order)) };
    } catch (error) {
      if (cancelled.aborted) return { state: 'cancelled' };
      if (this.#stop.signal.aborted) return undefined;
      return await this.#failed(job, order, keeper, error);
    } finally {
      await keeper.settled();
    }
  }

  /** How it has failed for good; `undefined` where it will be tried again. */
  async #failed(job: Job, { kind }: JobOrder, keeper: Keeper, error: unknown): Promise<Partial<Job> | undefined> {
    const now = this.#rooms.clock.now();
    if (!(error instanceof MailError)) {
      const faults = (job.faults ?? 0) + 1;
      this.#rooms.log.error({ job: job.id, kind, err: error }, 'a job has met a fault');
      const said = { code: 'unavailable', message: 'something went wrong here; the log says what' };
      if (faults >= MOST_FAULTS) return { state: 'failed', error: said };
      await keeper.keep({ faults, error: said });
      return undefined;
    }
    const said = { code: error.failure, message: error.message };
    const patient = PATIENT.has(kind) && ['unavailable', 'conflict', 'limit-exceeded'].includes(error.failure);
    if (!patient || now - job.createdAt > PATIENCE_MS) return { state: 'failed', error: said };
    this.#later.set(job.id, now + AGAIN_MS);
    await keeper.keep({ error: said });
    return undefined;
  }

  async #clear({ address }: Account, order: JobOrder, { state }: Partial<Job>): Promise<void> {
    if (order.kind !== 'restore') return;
    if (state === 'cancelled') await removeAccount(this.#rooms, address);
  }
}

function waitFor(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    signal.addEventListener(
      'abort',
      () => {
        cancel();
        resolve();
      },
      { once: true },
    );
  });
}
