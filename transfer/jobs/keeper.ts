/** Writes down how far a job is, now and then, and hears then that it is to be cancelled. */
import { MailError } from '#mail/failure.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import { newId } from '#store/ids.ts';
import type { MailStore } from '#store/store.ts';
import type { Access } from '#store/types.ts';
import { endMutations, JOB, type Job, type JobProgress, jobOf, putJob } from './job.ts';

export interface KeeperRooms {
  readonly store: MailStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const PROGRESS_MS = 1_000;
const LOOK_MS = 2_000;

export class Keeper {
  readonly #rooms: KeeperRooms;
  readonly #access: Access;
  readonly #id: string;
  readonly #cancelled: AbortController;
  #last = 0;
  #writing: Promise<unknown> | undefined;
  #looking: Promise<void> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(rooms: KeeperRooms, access: Access, id: string, cancelled: AbortController) {
    this.#rooms = rooms;
    this.#access = access;
    this.#id = id;
    this.#cancelled = cancelled;
  }

  report(progress: JobProgress): void {
    const now = this.#rooms.clock.now();
    if (this.#writing !== undefined || now - this.#last < PROGRESS_MS) return;
    this.#last = now;
    this.#writing = this.keep({ progress })
      .catch((err: unknown) => this.#rooms.log.warn({ job: this.#id, err }, 'the progress of a job could not be kept'))
      .finally(() => {
        this.#writing = undefined;
      });
  }

  /** Hears of a cancel also where there is nothing to report. */
  watch(): void {
    this.#unwatch = this.#rooms.clock.after(LOOK_MS, () => {
      this.#looking = this.#look();
    });
  }

  async #look(): Promise<void> {
    try {
      const job = jobOf(await this.#rooms.store.record(this.#access, JOB, this.#id));
      if (job?.state === 'cancelling') this.#cancelled.abort();
    } catch (err) {
      this.#rooms.log.warn({ job: this.#id, err }, 'a job could not be looked at');
    }
    if (this.#unwatch !== undefined) this.watch();
  }

  async settled(): Promise<void> {
    this.#unwatch?.();
    this.#unwatch = undefined;
    await this.#looking;
    await this.#writing;
  }

  /** Answers the job as it is then. */
  async keep(change: Partial<Job>): Promise<Job> {
    const { store, random } = this.#rooms;
    const { owner, viewer } = this.#access;
    for (;;) {
      const record = await store.record(this.#access, JOB, this.#id);
      const job = jobOf(record);
      if (record === undefined || job === undefined) throw new MailError('unavailable', 'the job is gone');
      if (job.state === 'cancelling') this.#cancelled.abort();
      const { endedAt } = change;
      const state = job.state === 'cancelling' && endedAt === undefined ? { state: job.state } : {};
      const { error: _, ...rest } = job;
      // What it waited for is over when there is progress.
      const next: Job = { ...rest, ...change, ...state };
      const mutations = [putJob(next, record), ...(endedAt === undefined ? [] : endMutations(this.#id))];
      const answer = await store.commit({ owner, actor: viewer, id: newId('commit', random), mutations });
      if (answer.ok) return next;
      if (answer.failure !== 'conflict') throw new MailError(answer.failure, answer.text);
    }
  }
}
