/**
 * Imports that run by themselves, in the gateway. What a job is and how far it is stands in a record of its account; that it has to be run, and by which password, in an
 * outbox row that goes with its end. So it survives every process: whoever finds such a row and gets its place (`coordination`) runs it, from where it was.
 */
import { MailError } from '#mail/failure.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import type { Coordination } from '#runtime/coordination.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { MailStore, StoredRecord } from '#store/store.ts';
import type { Access, AccountId } from '#store/types.ts';
import { importAccount } from './import/account.ts';
import type { ImportProgress } from './import/progress.ts';
import type { SourceAddress, SourceCredentials } from './import/source.ts';

export interface ImportJob {
  readonly id: string;
  readonly state: 'waiting' | 'running' | 'cancelling' | 'done' | 'failed' | 'cancelled';
  readonly from: SourceAddress;
  /** Only these of theirs. */
  readonly mailboxes?: readonly string[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly endedAt?: number;
  readonly progress?: ImportProgress;
  readonly error?: { readonly code: string; readonly message: string };
}

export interface JobRooms {
  readonly store: MailStore;
  readonly coordination: Pick<Coordination, 'acquire'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** As it is configured now. */
  readonly messageSize: () => number;
}

interface Order {
  readonly from: SourceAddress;
  readonly credentials: SourceCredentials;
  readonly mailboxes?: readonly string[];
}

const KIND = 'import-job';
const SWEEP_MS = 30_000;
const PROGRESS_MS = 1_000;
/** A process runs so many at a time. */
const AT_ONCE = 2;
/** Ended jobs are shown for so long. */
const SHOWN_MS = 90 * 86_400_000;

export class ImportJobs {
  readonly #rooms: JobRooms;
  readonly #stop = new AbortController();
  readonly #running = new Map<string, Promise<void>>();
  #sweeping: Promise<void> = Promise.resolve();
  #cancelSweep: (() => void) | undefined;

  constructor(rooms: JobRooms) {
    this.#rooms = rooms;
  }

  /** Finds what others have left, now and again and again. */
  begin(): void {
    if (this.#stop.signal.aborted) return;
    this.#sweeping = this.#sweep().catch((err: unknown) => {
      this.#rooms.log.warn({ err }, 'import jobs could not be looked for');
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

  async start(access: Access, order: Order): Promise<ImportJob> {
    const { random, clock } = this.#rooms;
    const id = newId('outbox', random);
    const { from, mailboxes } = order;
    const job: ImportJob = { id, state: 'waiting', from, createdAt: clock.now(), ...(mailboxes && { mailboxes }) };
    const payload = Buffer.from(JSON.stringify(order));
    await this.#commit(access, [put(job), { type: 'enqueue-outbox', id, kind: KIND, payload }]);
    this.begin();
    return job;
  }

  async get(access: Access, id: string): Promise<ImportJob | undefined> {
    return jobOf(await this.#rooms.store.record(access, KIND, id));
  }

  /** The last first. */
  async list(access: Access, limit: number): Promise<readonly ImportJob[]> {
    return (await this.#rooms.store.records(access, KIND, { limit })).map((record) => jobOf(record)!);
  }

  /** What was taken stays. Answers the job as it is then; `undefined` when there is none. */
  async cancel(access: Access, id: string): Promise<ImportJob | undefined> {
    for (;;) {
      const record = await this.#rooms.store.record(access, KIND, id);
      const job = jobOf(record);
      if (record === undefined || job === undefined || hasEnded(job)) return job;
      const place = await this.#rooms.coordination.acquire(placeOf(id), 1);
      try {
        // Whoever runs it sees the word, and says when it has ended.
        const next: ImportJob =
          place === undefined
            ? { ...job, state: 'cancelling' }
            : { ...job, state: 'cancelled', endedAt: this.#rooms.clock.now() };
        const done = place === undefined ? [] : [{ type: 'finish-outbox' as const, id }];
        if (await this.#tryCommit(access, [put(next, record), ...done])) return next;
      } finally {
        place?.release();
      }
    }
  }

  async #sweep(): Promise<void> {
    for (const owner of await this.#rooms.store.outboxOwners(KIND)) {
      for (const row of await this.#rooms.store.outbox(owner)) {
        if (row.kind !== KIND || this.#running.has(row.id)) continue;
        if (this.#stop.signal.aborted || this.#running.size >= AT_ONCE) return;
        this.#take(owner, row.id, Buffer.from(row.payload).toString());
      }
    }
  }

  #take(owner: AccountId, id: string, payload: string): void {
    const running = this.#run({ owner, viewer: owner }, id, JSON.parse(payload) as Order)
      .catch((err: unknown) =>
        this.#rooms.log.warn({ job: id, err }, 'an import job could not go on; it will be tried again'),
      )
      .finally(() => this.#running.delete(id));
    this.#running.set(id, running);
  }

  async #run(access: Access, id: string, order: Order): Promise<void> {
    const place = await this.#rooms.coordination.acquire(placeOf(id), 1);
    if (place === undefined) return;
    const end = new AbortController();
    try {
      const keeper = new Keeper(this.#rooms, access, id, end);
      await keeper.keep({ state: 'running' });
      const ended = await this.#import(access, order, end.signal, keeper);
      // The next process goes on.
      if (ended === undefined) return;
      await keeper.keep(ended, [{ type: 'finish-outbox', id }]);
    } finally {
      place.release();
    }
  }

  async #import(
    access: Access,
    order: Order,
    cancelled: AbortSignal,
    keeper: Keeper,
  ): Promise<Partial<ImportJob> | undefined> {
    const { store, random, clock, messageSize } = this.#rooms;
    const { from, credentials, mailboxes } = order;
    const signal = AbortSignal.any([cancelled, this.#stop.signal]);
    try {
      const progress = await importAccount({
        rooms: { store, random, clock, messageSize: messageSize() },
        access,
        from,
        credentials,
        signal,
        report: (now) => keeper.report(now),
        wait: (ms, until) => waitFor(clock, ms, until),
        ...(mailboxes && { only: mailboxes }),
      });
      return { state: 'done', progress, endedAt: clock.now() };
    } catch (error) {
      if (cancelled.aborted) return { state: 'cancelled', endedAt: clock.now() };
      if (this.#stop.signal.aborted) return undefined;
      if (!(error instanceof MailError)) throw error;
      return { state: 'failed', error: { code: error.failure, message: error.message }, endedAt: clock.now() };
    } finally {
      await keeper.settled();
    }
  }

  async #tryCommit({ owner, viewer }: Access, mutations: readonly Mutation[]): Promise<boolean> {
    const id = newId('commit', this.#rooms.random);
    const answer = await this.#rooms.store.commit({ owner, actor: viewer, id, mutations });
    if (!answer.ok && answer.failure !== 'conflict') throw new MailError(answer.failure, answer.text);
    return answer.ok;
  }

  async #commit(access: Access, mutations: readonly Mutation[]): Promise<void> {
    if (!(await this.#tryCommit(access, mutations))) throw new MailError('conflict', 'the job has changed');
  }
}

const placeOf = (id: string): string => `import-job:${id}`;
const hasEnded = ({ state }: ImportJob): boolean => state === 'done' || state === 'failed' || state === 'cancelled';
const jobOf = (record: StoredRecord | undefined): ImportJob | undefined =>
  record === undefined ? undefined : (JSON.parse(record.value) as ImportJob);

function put(job: ImportJob, known?: StoredRecord): Mutation {
  const value = JSON.stringify(job);
  const condition = known === undefined ? { ifAbsent: true } : { ifModseq: known.modseq };
  const expires = job.endedAt === undefined ? {} : { expiresAt: job.endedAt + SHOWN_MS };
  return { type: 'put-record', kind: KIND, id: job.id, value, ...condition, ...expires };
}

/** Writes down how far the job is, now and then, and hears then that it is to be cancelled. */
class Keeper {
  readonly #rooms: JobRooms;
  readonly #access: Access;
  readonly #id: string;
  readonly #cancelled: AbortController;
  #last = 0;
  #writing: Promise<void> | undefined;

  constructor(rooms: JobRooms, access: Access, id: string, cancelled: AbortController) {
    this.#rooms = rooms;
    this.#access = access;
    this.#id = id;
    this.#cancelled = cancelled;
  }

  report(progress: ImportProgress): void {
    const now = this.#rooms.clock.now();
    if (this.#writing !== undefined || now - this.#last < PROGRESS_MS) return;
    this.#last = now;
    this.#writing = this.keep({ progress })
      .catch((err: unknown) =>
        this.#rooms.log.warn({ job: this.#id, err }, 'the progress of an import could not be kept'),
      )
      .finally(() => {
        this.#writing = undefined;
      });
  }

  async settled(): Promise<void> {
    await this.#writing;
  }

  async keep(change: Partial<ImportJob>, more: readonly Mutation[] = []): Promise<void> {
    const { store, random } = this.#rooms;
    const { owner, viewer } = this.#access;
    for (;;) {
      const record = await store.record(this.#access, KIND, this.#id);
      const job = jobOf(record);
      if (record === undefined || job === undefined) throw new MailError('unavailable', 'the job is gone');
      if (job.state === 'cancelling') this.#cancelled.abort();
      const state = job.state === 'cancelling' && change.endedAt === undefined ? { state: job.state } : {};
      const mutations = [put({ ...job, ...change, ...state }, record), ...more];
      const answer = await store.commit({ owner, actor: viewer, id: newId('commit', random), mutations });
      if (answer.ok) return;
      if (answer.failure !== 'conflict') throw new MailError(answer.failure, answer.text);
    }
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
