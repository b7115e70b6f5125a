/**
 * One group of commits under one fsync (STORE.md §2). Within it each commit is a SAVEPOINT. If the group fails as a whole
 * (a fault in one of them, a full disk), its members are tried one by one, so that one can't take the others down.
 */
import { DISK_FULL, isDiskFull, MailError } from '#mail/failure.ts';
import type { Log, Random } from '#runtime/ambient.ts';
import { faultPoint } from '#runtime/fault-points.ts';
import type { Notice } from '../change.ts';
import type { CommitAnswer } from '../mutation.ts';
import { AccountCache } from './account.ts';
import { runCommit } from './commit.ts';
import type { ArrayRow, Database } from './database.ts';
import { addGroup, type Done, lastSeq, noticeOf } from './groups.ts';
import type { Job } from './job.ts';
import { Lookups } from './lookups.ts';
import { registerBody } from './mutations/bodies.ts';
import { Recent } from './recent.ts';
import { moveBodies } from './segments.ts';
import type { ShardState } from './work.ts';

/** `broken` is what could not be unpacked. */
export type GroupJob = Job | { readonly kind: 'broken' };

/** A register is answered with nothing. `undefined` for jobs that the group had no time for. */
export type JobAnswer = CommitAnswer | null | { readonly error: { failure: MailError['failure']; message: string } };

export interface GroupResult {
  readonly answers: readonly JobAnswer[];
  /** How many jobs were taken, from the first on. */
  readonly taken: number;
  /** The position in the commit sequence after this group, and what happened. */
  readonly seq: number;
  readonly notices: readonly Notice[];
}

/** Once a group has worked this long, the jobs behind wait for the next, so that answers don't wait for huge work. */
const LONGEST_GROUP_MS = 25;
/** At least; more than a group can touch, whose accounts must not be read again before their rows are written. */
const ACCOUNTS = 2_000;
/** Small bodies that are remembered for those who name them next; one that was forgotten is stored once more. */
const BODIES = 4_096;
/** Entries that move into the index beside each commit, and in one go when the writer has nothing else to do. */
const MOVES_A_COMMIT = 6;
const MOVE_IDLE = 2_000;

export class GroupRunner {
  readonly #db: Database;
  readonly #random: Random;
  readonly #now: () => number;
  readonly #log: Log;
  readonly #accounts: AccountCache;
  readonly #shard: ShardState;
  seq: number;

  constructor(db: Database, options: { random: Random; now: () => number; log: Log }) {
    this.#db = db;
    this.#random = options.random;
    this.#now = options.now;
    this.#log = options.log;
    this.#accounts = new AccountCache(db, ACCOUNTS);
    const lookups = new Lookups(db);
    this.#shard = {
      lookups,
      nextMessage: next(db, 'messages', 'k'),
      nextBody: next(db, 'bodies', 'n'),
      bodies: new Recent(BODIES),
    };
    this.seq = lastSeq(db);
  }

  run(jobs: readonly GroupJob[]): GroupResult {
    try {
      return this.#group(jobs);
    } catch (error) {
      this.#accounts.clear();
      this.#shard.lookups.reverted();
      if (jobs.length === 1) return this.#failed(error);
      this.#log.warn({ err: error, commits: jobs.length }, 'group failed, trying its commits one by one');
    }
    const answers: JobAnswer[] = [];
    const notices: Notice[] = [];
    for (const job of jobs) {
      const one = this.run([job]);
      answers.push(...one.answers);
      notices.push(...one.notices);
    }
    return { answers, taken: jobs.length, seq: this.seq, notices };
  }

  get lookups(): Lookups {
    return this.#shard.lookups;
  }

  /** Other work on the shard, in a transaction of its own. Accounts in memory may not match the rows afterwards. */
  transaction<T>(work: () => T): T {
    try {
      return this.#db.transaction(work);
    } finally {
      this.#accounts.clear();
    }
  }

  /** One slice of moving into the index what stands in memory (lookups.ts). Tells whether there is more. */
  tidy(): boolean {
    const { lookups } = this.#shard;
    if (!lookups.waiting) return false;
    try {
      const more = this.#db.transaction(() => lookups.move(MOVE_IDLE, this.seq, true));
      lookups.settled();
      return more;
    } catch (error) {
      lookups.reverted();
      throw error;
    }
  }

  #group(jobs: readonly GroupJob[]): GroupResult {
    const now = this.#now();
    const began = performance.now();
    const { lookups } = this.#shard;
    const done: Done[] = [];
    const answers: JobAnswer[] = [];
    this.#db.transaction(() => {
      faultPoint('store:begun');
      lookups.move(MOVES_A_COMMIT * jobs.length, this.seq);
      for (const job of jobs) {
        answers.push(this.#one(job, now, done, jobs.length === 1));
        if (performance.now() - began > LONGEST_GROUP_MS) break;
      }
      this.#accounts.saveAll();
      if (done.length > 0) addGroup(this.#db, this.seq + 1, now, done);
      faultPoint('store:before-commit');
    });
    faultPoint('store:committed');
    lookups.settled();
    if (done.length > 0) this.seq++;
    return { answers, taken: answers.length, seq: this.seq, notices: done.map(noticeOf) };
  }

  #one(job: GroupJob, now: number, done: Done[], careful: boolean): JobAnswer {
    if (job.kind === 'broken') return { error: { failure: 'bad-request', message: 'the commit can not be read' } };
    if (job.kind === 'register') {
      registerBody(this.#db, this.#shard, job.body, now);
      return null;
    }
    if (job.kind === 'move') {
      moveBodies(this.#db, job.from, job.moved, now);
      return null;
    }
    const ground = { db: this.#db, accounts: this.#accounts, shard: this.#shard, random: this.#random };
    const outcome = runCommit({ ...ground, now, careful, seq: this.seq + 1, done }, job.commit);
    if (outcome.done) {
      done.push(outcome.done);
      this.#shard.lookups.add(outcome.done.n, outcome.done.entries);
    }
    return outcome.answer;
  }

  #failed(error: unknown): GroupResult {
    this.#log.error({ err: error }, 'commit failed');
    const known =
      error instanceof MailError
        ? error
        : new MailError('unavailable', isDiskFull(error) ? DISK_FULL : 'the commit failed');
    const answer = { error: { failure: known.failure, message: known.message } };
    return { answers: [answer], taken: 1, seq: this.seq, notices: [] };
  }
}

function next(db: Database, table: string, key: string): number {
  const [last] = db.arrays(`SELECT max(${key}) FROM ${table}`).get() as unknown as ArrayRow;
  return ((last as number | null) ?? 0) + 1;
}
