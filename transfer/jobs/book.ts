/**
 * Jobs as they are written down. What a job is and how far it is stands in a record of its account; that it has to be done, and by which password, in an outbox
 * row that goes with its end. So it survives every process: whoever finds such a row and gets its place (`coordination`) does it (runner.ts).
 */
import { MailError } from '#mail/failure.ts';
import type { Random } from '#runtime/ambient.ts';
import type { Coordination } from '#runtime/coordination.ts';
import { findAccount } from '#store/accounts.ts';
import type { Account, By, Directory } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { MailStore, StoredRecord } from '#store/store.ts';
import type { Access, AccountId } from '#store/types.ts';
import {
  ENDED,
  endMutations,
  hasEnded,
  JOB,
  type Job,
  type JobKind,
  type JobOrder,
  type JobState,
  jobOf,
  newJob,
  orderMutation,
  putJob,
  type ShownJob,
  shownJob,
} from './job.ts';

export interface BookRooms {
  readonly store: MailStore;
  readonly directory: Directory;
  readonly clock: { now(): number };
  readonly random: Random;
  /** Who does jobs now. Absent: somebody may, and hears of a cancel by the record; or nobody (`idle`). */
  readonly coordination?: Pick<Coordination, 'acquire'>;
  /** Nothing runs. */
  readonly idle?: boolean;
}

export interface JobFilter {
  readonly kind?: JobKind;
  readonly state?: JobState;
  /** Its address. */
  readonly account?: string;
}

interface Found {
  readonly account: Account;
  readonly job: Job;
  readonly record: StoredRecord;
}

/** Of one account, not yet ended. */
const MOST_OPEN = 10;
const PAGE = 200;

export const accessTo = (owner: AccountId): Access => ({ owner, viewer: owner });
export const placeOf = (id: string): string => `transfer-job:${id}`;

export class JobBook {
  readonly #rooms: BookRooms;

  constructor(rooms: BookRooms) {
    this.#rooms = rooms;
  }

  /** @throws MailError `limit-exceeded`, `conflict` when the account is moving already. */
  async start(account: Account, order: JobOrder, by: By): Promise<ShownJob> {
    const { random, clock } = this.#rooms;
    if (account.state !== 'active') {
      throw new MailError('no-such-account', 'the account is not there yet, or no more');
    }
    const open = (await this.#jobsOf(account)).filter(({ job }) => !hasEnded(job));
    if (open.length >= MOST_OPEN) throw new MailError('limit-exceeded', 'the account has too many jobs at once');
    if (order.kind === 'move' && open.some(({ job }) => job.kind === 'move')) {
      throw new MailError('conflict', 'the account is moving already: wait for that job, or cancel it');
    }
    const job = newJob(newId('outbox', random), order, by.actor, clock.now());
    await this.#commit(accessTo(account.id), [putJob(job), orderMutation(job.id, order)]);
    await this.#note(account.address, `${order.kind}-account`, by);
    return shownJob(job, account);
  }

  #note(target: string, act: string, by: By): Promise<void> {
    return this.#rooms.directory.change({ type: 'note-act', act, target }, by);
  }

  async get(owner: AccountId, id: string): Promise<ShownJob | undefined> {
    const found = await this.#get(owner, id);
    return found && shownJob(found.job, found.account);
  }

  /** Whoever's it is. */
  async find(id: string): Promise<ShownJob | undefined> {
    const found = await this.#find(id);
    return found && shownJob(found.job, found.account);
  }

  /** The last first. */
  async list(filter: JobFilter): Promise<readonly ShownJob[]> {
    const { directory } = this.#rooms;
    const owners = filter.account === undefined ? await this.#owners() : [await this.#named(filter.account)];
    const found = await Promise.all(
      owners.map(async (owner) => {
        const account = typeof owner === 'string' ? await directory.account(owner) : owner;
        return account === undefined ? [] : this.#jobsOf(account);
      }),
    );
    return found
      .flat()
      .filter(({ job: { kind } }) => filter.kind === undefined || filter.kind === kind)
      .filter(({ job: { state } }) => filter.state === undefined || filter.state === state)
      .sort((a, b) => b.job.createdAt - a.job.createdAt || (a.job.id < b.job.id ? 1 : -1))
      .map(({ job, account }) => shownJob(job, account));
  }

  /**
   * What was done stays, but for an account that was being restored. One that has ended is forgotten to have an archive: whoever has `JobFiles` removes it. Answers the job
   * as it is then. @throws MailError `bad-request` where there is none.
   */
  async cancel(id: string, owner: AccountId, by?: By): Promise<ShownJob> {
    const { coordination, clock, idle } = this.#rooms;
    for (;;) {
      const found = await this.#get(owner, id);
      if (found === undefined) throw noSuchJob();
      const { job, account, record } = found;
      if (hasEnded(job) && job.archive === undefined) return shownJob(job, account);
      const place = await coordination?.acquire(placeOf(id), 1);
      // An account that is being made goes with the job: whoever does the job sees to that.
      const nobody = (place !== undefined || idle === true) && job.kind !== 'restore';
      try {
        const next = hasEnded(job) ? withoutArchive(job) : cancelled(job, nobody ? clock.now() : undefined);
        const mutations = [putJob(next, record), ...(nobody && !hasEnded(job) ? endMutations(id) : [])];
        if (!(await this.#tryCommit(accessTo(account.id), mutations))) continue;
        if (by !== undefined) await this.#note(account.address, 'cancel-job', by);
        return shownJob(next, account);
      } finally {
        place?.release();
      }
    }
  }

  async #get(owner: AccountId, id: string): Promise<Found | undefined> {
    const account = await this.#rooms.directory.account(owner);
    if (account === undefined) return undefined;
    const record = await this.#rooms.store.record(accessTo(owner), JOB, id);
    const job = jobOf(record);
    return record && job && { account, job, record };
  }

  async #find(id: string): Promise<Found | undefined> {
    for (const owner of await this.#owners()) {
      const found = await this.#get(owner, id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #named(address: string): Promise<Account> {
    const account = await findAccount(this.#rooms.directory, address);
    if (account === undefined) throw new MailError('no-such-account', `there is no account ${address}`);
    return account;
  }

  /** Whose jobs are done or to be done. */
  async #owners(): Promise<readonly AccountId[]> {
    const { store } = this.#rooms;
    return [...new Set((await Promise.all([store.outboxOwners(JOB), store.outboxOwners(ENDED)])).flat())];
  }

  async #jobsOf(account: Account): Promise<readonly Found[]> {
    const access = accessTo(account.id);
    const records = await this.#rooms.store.records(access, JOB, { limit: PAGE }).catch((error: unknown) => {
      // It is being removed, or not quite there.
      if (error instanceof MailError && error.failure === 'no-such-account') return [];
      throw error;
    });
    return records.map((record) => ({ account, record, job: jobOf(record)! }));
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

function withoutArchive(job: Job): Job {
  const { archive: _, ...rest } = job;
  return rest;
}

const cancelled = (job: Job, endedAt: number | undefined): Job =>
  endedAt === undefined ? { ...job, state: 'cancelling' } : { ...job, state: 'cancelled', endedAt };

const noSuchJob = (): MailError => new MailError('not-found', 'there is no job of this id');
