/**
 * One group of commits under one fsync (STORE.md §2). Within it each commit is a SAVEPOINT. If the group fails as a whole
 * (a fault in one of them, a full disk), its members are tried one by one, so that one can't take the others down.
 */
import { MailError } from '#mail/failure.ts';
import type { Log, Random } from '#runtime/ambient.ts';
import { faultPoint } from '#runtime/fault-points.ts';
import type { Notice } from '../change.ts';
import type { CommitAnswer } from '../mutation.ts';
import { AccountCache } from './account.ts';
import { type Done, type PackedCommit, runCommit } from './commit.ts';
import type { Database } from './database.ts';
import { registerBody, type StagedBody } from './mutations/bodies.ts';

export type Job =
  | { readonly kind: 'commit'; readonly commit: PackedCommit }
  | { readonly kind: 'register'; readonly body: StagedBody }
  /** What could not be unpacked. */
  | { readonly kind: 'broken' };

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
const ACCOUNTS = 4_000;

export class GroupRunner {
  readonly #db: Database;
  readonly #random: Random;
  readonly #now: () => number;
  readonly #log: Log;
  readonly #accounts: AccountCache;
  seq: number;

  constructor(db: Database, options: { random: Random; now: () => number; log: Log }) {
    this.#db = db;
    this.#random = options.random;
    this.#now = options.now;
    this.#log = options.log;
    this.#accounts = new AccountCache(db, ACCOUNTS);
    this.seq = lastSeq(db);
  }

  run(jobs: readonly Job[]): GroupResult {
    try {
      return this.#group(jobs);
    } catch (error) {
      this.#accounts.clear();
      if (jobs.length === 1) return this.#failed(error);
      this.#log.warn({ error, commits: jobs.length }, 'group failed, trying its commits one by one');
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

  /** Other work on the shard, in a transaction of its own. Accounts in memory may not match the rows afterwards. */
  transaction<T>(work: () => T): T {
    try {
      return this.#db.transaction(work);
    } finally {
      this.#accounts.clear();
    }
  }

  #group(jobs: readonly Job[]): GroupResult {
    const now = this.#now();
    const began = performance.now();
    const result = this.#db.transaction(() => {
      faultPoint('store:begun');
      const answers: JobAnswer[] = [];
      const done: Done[] = [];
      for (const job of jobs) {
        answers.push(this.#one(job, now, done, jobs.length === 1));
        if (performance.now() - began > LONGEST_GROUP_MS) break;
      }
      let seq = this.seq;
      if (done.length > 0) {
        const add = this.#db.statement('INSERT INTO groups (at, commits) VALUES (?, ?)');
        seq = Number(add.run(now, JSON.stringify(done)).lastInsertRowid);
      }
      const notices = done.map(({ account, modseq, types }) => ({ account, modseq, types }));
      faultPoint('store:before-commit');
      return { answers, taken: answers.length, seq, notices };
    });
    faultPoint('store:committed');
    this.seq = result.seq;
    return result;
  }

  #one(job: Job, now: number, done: Done[], careful: boolean): JobAnswer {
    if (job.kind === 'broken') return { error: { failure: 'bad-request', message: 'the commit can not be read' } };
    if (job.kind === 'register') {
      registerBody(this.#db, job.body, now);
      return null;
    }
    const context = { db: this.#db, accounts: this.#accounts, random: this.#random, careful };
    const outcome = runCommit(context, job.commit, now);
    if (outcome.done) done.push(outcome.done);
    return outcome.answer;
  }

  #failed(error: unknown): GroupResult {
    this.#log.error({ error }, 'commit failed');
    const known = error instanceof MailError ? error : new MailError('unavailable', 'the commit failed');
    const answer = { error: { failure: known.failure, message: known.message } };
    return { answers: [answer], taken: 1, seq: this.seq, notices: [] };
  }
}

export function lastSeq(db: Database): number {
  // The counter outlives rows that were collected.
  const row = db.statement("SELECT seq FROM sqlite_sequence WHERE name = 'groups'").get();
  return Number(row?.seq ?? 0);
}
