/** What a job is, as its record keeps it and as it is shown. */
import type { Mutation } from '#store/mutation.ts';
import type { StoredRecord } from '#store/store.ts';
import type { AccountId } from '#store/types.ts';
import type { MailboxProgress } from '../import/progress.ts';
import type { SourceAddress, SourceCredentials } from '../import/source.ts';

export const JOB_KINDS = ['import', 'export', 'restore', 'move'] as const;
export type JobKind = (typeof JOB_KINDS)[number];
export const JOB_STATES = ['waiting', 'running', 'cancelling', 'done', 'failed', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** What is to be done, with its secrets: in an outbox row, which goes when the job ends. */
export type JobOrder =
  | {
      readonly kind: 'import';
      readonly from: SourceAddress;
      readonly credentials: SourceCredentials;
      /** Only these of theirs. */
      readonly mailboxes?: readonly string[];
      /** Only to addresses that everybody may be sent to. */
      readonly guarded?: boolean;
    }
  | { readonly kind: 'export'; readonly withPassword: boolean }
  /** The archive lies among `JobFiles`. */
  | { readonly kind: 'restore'; readonly archive: string }
  | {
      readonly kind: 'move';
      readonly to: string;
      readonly as: string;
      readonly how: 'forward' | 'reject';
      readonly token: string;
      readonly guarded?: boolean;
    };

export interface JobProgress {
  readonly octets: number;
  /** Messages that could not be taken or read, and the first of them. */
  readonly failed: number;
  readonly failures: readonly {
    readonly path: string;
    readonly uid: number;
    readonly code: string;
    readonly message: string;
  }[];
  readonly messages?: number;
  readonly total?: number;
  /** Messages whose flags were followed. */
  readonly changed?: number;
  /** Of an import. */
  readonly copied?: number;
  readonly mailboxes?: readonly MailboxProgress[];
  /** Of a move. */
  readonly phase?: string;
  readonly pass?: number;
}

export interface Job {
  readonly id: string;
  readonly kind: JobKind;
  readonly state: JobState;
  /** Who asked for it. */
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly endedAt?: number;
  /** Of an import. */
  readonly from?: SourceAddress;
  readonly mailboxes?: readonly string[];
  /** Of a move. */
  readonly to?: string;
  readonly as?: string;
  readonly how?: 'forward' | 'reject';
  /** Of an export: what checks the password is in the archive. */
  readonly withPassword?: boolean;
  /** Of an export that has ended. */
  readonly archive?: { readonly octets: number; readonly expiresAt: number };
  /** Of a restore: aliases that could not be taken over. */
  readonly left?: readonly string[];
  readonly progress?: JobProgress;
  /** Why it failed, or what it waits for to be over. */
  readonly error?: { readonly code: string; readonly message: string };
  /** How often it ended in a way that nobody expected. */
  readonly faults?: number;
}

/** Records; and rows of the outbox: one while there is something to do, another one that tells who has ended jobs. */
export const JOB = 'transfer-job';
export const ENDED = 'transfer-ended';
/** Ended jobs are shown for so long. */
const SHOWN_MS = 90 * 86_400_000;

export const hasEnded = ({ state }: Pick<Job, 'state'>): boolean =>
  state === 'done' || state === 'failed' || state === 'cancelled';

export const jobOf = (record: StoredRecord | undefined): Job | undefined =>
  record === undefined ? undefined : (JSON.parse(record.value) as Job);

/** What of an order everybody may see. */
export function newJob(id: string, order: JobOrder, by: string, createdAt: number): Job {
  const job = { id, kind: order.kind, state: 'waiting', by, createdAt } as const;
  switch (order.kind) {
    case 'import':
      return { ...job, from: order.from, ...(order.mailboxes && { mailboxes: order.mailboxes }) };
    case 'move':
      return { ...job, to: order.to, as: order.as, how: order.how };
    case 'export':
      return { ...job, withPassword: order.withPassword };
    case 'restore':
      return job;
  }
}

/** The record, if it is as it was read. */
export function putJob(job: Job, known?: StoredRecord): Mutation {
  const value = JSON.stringify(job);
  const condition = known === undefined ? { ifAbsent: true } : { ifModseq: known.modseq };
  const expires = job.endedAt === undefined ? {} : { expiresAt: job.endedAt + SHOWN_MS };
  return { type: 'put-record', kind: JOB, id: job.id, value, ...condition, ...expires };
}

export function orderMutation(id: string, order: JobOrder): Mutation {
  return { type: 'enqueue-outbox', id, kind: JOB, payload: Buffer.from(JSON.stringify(order)) };
}

/** What goes with the end of a job: its order, secrets and all. */
export function endMutations(id: string): readonly Mutation[] {
  return [
    { type: 'finish-outbox', id },
    { type: 'enqueue-outbox', id: `${id}-ended`, kind: ENDED, payload: Buffer.from(id) },
  ];
}

/** As `peerpost` and REST say it. Times are RFC 3339 in UTC. */
export interface ShownJob extends Omit<Job, 'createdAt' | 'endedAt' | 'archive' | 'faults'> {
  readonly account: { readonly id: AccountId; readonly address: string };
  readonly createdAt: string;
  readonly endedAt?: string;
  readonly archive?: { readonly octets: number; readonly expiresAt: string };
}

export function shownJob(job: Job, account: { readonly id: AccountId; readonly address: string }): ShownJob {
  const { createdAt, endedAt, archive, faults: _, ...rest } = job;
  const time = (ms: number): string => new Date(ms).toISOString();
  return {
    ...rest,
    account: { id: account.id, address: account.address },
    createdAt: time(createdAt),
    ...(endedAt !== undefined && { endedAt: time(endedAt) }),
    ...(archive && { archive: { octets: archive.octets, expiresAt: time(archive.expiresAt) } }),
  };
}
