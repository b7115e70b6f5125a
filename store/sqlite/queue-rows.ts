/** Rows of `queue.sqlite` and the values of `store/queue.ts`, one way and back. */
import type { Address, ForwardPath } from '#mail/envelope.ts';
import type { Reply } from '#mail/smtp/reply.ts';
import type { QueueEntry, QueueRecipient, RecipientState } from '../queue.ts';

export interface EntryRow {
  readonly seq: number;
  readonly id: string;
  readonly delivery_id: string;
  readonly reverse_path: string | null;
  readonly body_type: string;
  readonly smtputf8: number;
  readonly envelope_id: string | null;
  readonly ret: string | null;
  readonly arrived_at: number;
  readonly expires_at: number;
  readonly held: number;
  readonly size: number;
  readonly in_file: number;
}

export interface RecipientRow {
  readonly idx: number;
  readonly path: string;
  readonly state: string;
  readonly attempts: number;
  readonly next_attempt_at: number;
  readonly last_attempt_at: number | null;
  readonly last_reply: string | null;
  readonly remote_mta: string | null;
  readonly delay_notified_at: number | null;
}

export function entryOf(row: EntryRow, recipients: readonly RecipientRow[]): QueueEntry {
  return {
    id: row.id,
    deliveryId: row.delivery_id,
    reversePath: row.reverse_path === null ? null : (JSON.parse(row.reverse_path) as Address),
    bodyType: row.body_type as QueueEntry['bodyType'],
    smtputf8: row.smtputf8 === 1,
    ...(row.envelope_id === null ? {} : { envelopeId: row.envelope_id }),
    ...(row.ret === null ? {} : { ret: row.ret as 'full' | 'hdrs' }),
    arrivedAt: row.arrived_at,
    expiresAt: row.expires_at,
    held: row.held === 1,
    size: row.size,
    recipients: recipients.map(recipientOf),
  };
}

function recipientOf(row: RecipientRow): QueueRecipient {
  return {
    ...(JSON.parse(row.path) as ForwardPath),
    index: row.idx,
    state: row.state as RecipientState,
    attempts: row.attempts,
    nextAttemptAt: row.next_attempt_at,
    ...(row.last_attempt_at === null ? {} : { lastAttemptAt: row.last_attempt_at }),
    ...(row.last_reply === null ? {} : { lastReply: JSON.parse(row.last_reply) as Reply }),
    ...(row.remote_mta === null ? {} : { remoteMta: row.remote_mta }),
    ...(row.delay_notified_at === null ? {} : { delayNotifiedAt: row.delay_notified_at }),
  };
}
