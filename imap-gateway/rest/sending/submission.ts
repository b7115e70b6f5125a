/** A submission as it is kept: a record of the account, which changes in the same commits as its message and its outbox row. */
import type { Notify } from '#mail/envelope.ts';
import type { MutationType } from '#store/mutation.ts';
import type { MailStore, StoredRecord } from '#store/store.ts';
import type { Access, MessageId, ModSeq } from '#store/types.ts';
import type { Reference } from './letter.ts';
import type { RecipientJson } from './schemas.ts';

export const SUBMISSION = 'submission';
/** The kinds of outbox rows: what is to be sent; what has been, and whose recipients are pending. Rows have the submission's id. */
export const TO_SEND = 'submission';
export const TO_FOLLOW = 'submission-status';

/** Milliseconds for which a submission is known after its last change, as long as the queue knows what came of it. */
export const KEPT = 30 * 86_400_000;

export type SubmissionState = 'scheduled' | 'sending' | 'sent' | 'delivered' | 'failed' | 'canceled';

export interface SubmissionRecord {
  readonly state: SubmissionState;
  readonly message: MessageId;
  readonly messageId: string;
  readonly from: string;
  readonly subject: string;
  /** The envelope's recipients, each once. */
  readonly to: readonly string[];
  readonly createdAt: number;
  readonly sendAt?: number;
  readonly sentAt?: number;
  readonly notify?: Notify;
  /** Keep the message among what was sent. */
  readonly save: boolean;
  readonly reference?: Reference;
  /** The delivery id of a transaction is made of the id and this: the same for every try of it (STORE.md §2). */
  readonly round: number;
  /** Its final dot was sent and never answered: what is tried again may have been taken. */
  readonly doubtful?: boolean;
  /** Recipients that the MTA has taken. */
  readonly taken: readonly string[];
  /** What is known for good, by recipient: refusals at once; all of them, once nothing is pending. */
  readonly final: { readonly [address: string]: readonly RecipientJson[] };
  /** Why it was sent to nobody. */
  readonly reason?: string;
}

export interface Kept {
  readonly id: string;
  readonly created: ModSeq;
  readonly modseq: ModSeq;
  readonly record: SubmissionRecord;
}

export const keptOf = ({ id, created, modseq, value }: StoredRecord): Kept => ({
  id,
  created,
  modseq,
  record: JSON.parse(value) as SubmissionRecord,
});

export async function readSubmission(
  store: Pick<MailStore, 'record'>,
  access: Access,
  id: string,
): Promise<Kept | undefined> {
  const found = await store.record(access, SUBMISSION, id);
  return found && keptOf(found);
}

type PutRecord = Extract<
  Parameters<MailStore['commit']>[0]['mutations'][number],
  { type: 'put-record' & MutationType }
>;

/** With `ifModseq` only if nobody else has changed it meanwhile. What is open stays until it is done. */
export function putSubmission(id: string, record: SubmissionRecord, now: number, ifModseq?: ModSeq): PutRecord {
  const done = record.state === 'delivered' || record.state === 'failed' || record.state === 'canceled';
  return {
    type: 'put-record',
    kind: SUBMISSION,
    id,
    value: JSON.stringify(record),
    ...(done && { expiresAt: now + KEPT }),
    ...(ifModseq === undefined ? { ifAbsent: true } : { ifModseq }),
  };
}
