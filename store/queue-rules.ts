/** What outcomes and actions make of a recipient: the same for every backend. `mta/queue/README.md` has the table. */
import { MailError } from '#mail/failure.ts';
import { isId } from './ids.ts';
import type { NewQueueEntry, Outcome, QueueRecipient } from './queue.ts';

/** All pending, due at once. */
export function newRecipients(entry: NewQueueEntry): QueueRecipient[] {
  const start = { state: 'pending' as const, attempts: 0, nextAttemptAt: entry.arrivedAt };
  return entry.recipients.map((path, index) => ({ ...path, index, ...start }));
}

/** A final state stays: the same outcome told twice (its first answer was lost) changes nothing. */
export function settleRecipient(recipient: QueueRecipient, outcome: Outcome): QueueRecipient {
  if (recipient.state !== 'pending') return recipient;
  const { lastReply: _, remoteMta: __, ...rest } = recipient;
  const tried: QueueRecipient = {
    ...rest,
    // Giving up for its age is no attempt.
    attempts: recipient.attempts + (outcome.verdict === 'expired' ? 0 : 1),
    ...said(recipient, outcome),
  };
  if (outcome.verdict !== 'deferred') return { ...tried, state: outcome.verdict };
  const notified = outcome.delayNotified === true ? { delayNotifiedAt: outcome.at } : {};
  return { ...tried, nextAttemptAt: outcome.nextAttemptAt, ...notified };
}

/** What was said last; giving up without a new attempt keeps what was said before. */
function said(recipient: QueueRecipient, outcome: Outcome): Partial<QueueRecipient> {
  if (outcome.verdict === 'expired' && outcome.reply === undefined) {
    const { lastAttemptAt, lastReply, remoteMta } = recipient;
    return defined({ lastAttemptAt, lastReply, remoteMta });
  }
  return defined({ lastAttemptAt: outcome.at, lastReply: outcome.reply, remoteMta: outcome.remoteMta });
}

function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

/** When the earliest pending recipient is due, and how many there are. */
export function pendingOf(recipients: readonly QueueRecipient[]): { readonly count: number; readonly nextAt: number } {
  const pending = recipients.filter((recipient) => recipient.state === 'pending');
  return { count: pending.length, nextAt: Math.min(...pending.map((recipient) => recipient.nextAttemptAt)) };
}

/** What `drop` makes of those that still wait. */
export function droppedRecipient(recipient: QueueRecipient): QueueRecipient {
  return recipient.state === 'pending' ? { ...recipient, state: 'dropped' } : recipient;
}

/** Throws `bad-request` where `NewQueueEntry` or its report can't be. */
export function checkEntry(entry: NewQueueEntry): void {
  const sensible = isId(entry.id) && entry.recipients.length > 0 && (!entry.tracked || entry.envelopeId !== undefined);
  if (!sensible) throw new MailError('bad-request', 'bad queue entry');
}

/** Throws `bad-request` for what `keep` doesn't take. */
export function checkKept(envelopeId: string, recipients: readonly QueueRecipient[]): void {
  if (envelopeId !== '' && recipients.every(({ state }) => state !== 'pending')) return;
  throw new MailError('bad-request', 'only what is final can be kept');
}

/** Milliseconds for which outcomes of tracked entries are kept. */
export const TRACKED_RETENTION = 30 * 86_400_000;

/** Milliseconds for which the delivery id of a finished entry is known: longer than an outbox tries again (STORE.md §2). */
export const FINISHED_RETENTION = 7 * 86_400_000;
