/** From verdicts to what the queue records, and to what the sender is told. Pure. */

import type { Notice } from '#mail/dsn/notice.ts';
import { reply } from '#mail/smtp/reply.ts';
import type { Outcome, QueueEntry, QueueRecipient } from '#store/queue.ts';
import type { Verdict } from '../delivery/verdict.ts';
import { nextAttempt, type RetryPolicy } from './retry.ts';

export interface ConcludePolicy extends RetryPolicy {
  /** Milliseconds after arrival at which a sender is told of a delay, once for each recipient. */
  readonly delayNotice: number;
}

export interface Conclusion {
  readonly outcomes: readonly Outcome[];
  /** Not yet filtered by NOTIFY. */
  readonly notices: readonly Notice[];
}

/** Where the next wait begins, and its share of the jitter (0 ≤ x < 1): the same for all recipients of one attempt. */
interface Spread {
  readonly from: number;
  readonly fraction: number;
}

/**
 * An MDA of ours that restarts is back in a moment, and nobody minds to be asked again: these come before the configured waits. A mailbox that is full
 * (X.2.X) is its owner's affair, and waits like the others.
 */
const OWN_WAITS = [1_000, 5_000, 30_000, 60_000];

const isOwnTrouble = ({ local, reply: { enhanced } }: Verdict): boolean =>
  local === true && !enhanced?.startsWith('2.');

export function conclude(
  entry: QueueEntry,
  verdicts: readonly Verdict[],
  policy: ConcludePolicy,
  fraction: () => number,
): Conclusion {
  const outcomes: Outcome[] = [];
  const notices: Notice[] = [];
  // What failed together is tried again together: else the recipients of one message would drift apart, into a connection, a copy of
  // the content and a notice of delay each.
  const spread: Spread = {
    from: verdicts.reduce((latest, { at }) => Math.max(latest, at), 0),
    fraction: fraction(),
  };
  for (const verdict of verdicts) {
    const recipient = entry.recipients.find(({ index }) => index === verdict.index);
    if (recipient === undefined) continue;
    const { outcome, notice } = one(entry, recipient, verdict, policy, spread);
    outcomes.push(outcome);
    if (notice !== undefined) notices.push(notice);
  }
  return { outcomes, notices };
}

function one(
  entry: QueueEntry,
  recipient: QueueRecipient,
  verdict: Verdict,
  policy: ConcludePolicy,
  spread: Spread,
): { outcome: Outcome; notice: Notice | undefined } {
  const { at, remoteMta } = verdict;
  const told = { at, reply: verdict.reply, ...(remoteMta !== undefined && { remoteMta }) };
  const base = { index: recipient.index, ...told };
  switch (verdict.kind) {
    case 'delivered':
      return { outcome: { ...base, verdict: 'delivered' }, notice: { recipient, action: 'delivered', ...told } };
    case 'relayed': {
      // RFC 3461 §5.2.2: a next host with DSN takes over the duty to report.
      const notice: Notice = { recipient, action: 'relayed', ...told };
      return { outcome: { ...base, verdict: 'relayed' }, notice: verdict.dsnPassedOn ? undefined : notice };
    }
    case 'refused':
      return { outcome: { ...base, verdict: 'failed' }, notice: { recipient, action: 'failed', ...told } };
    case 'deferred':
      break;
    default:
      verdict.kind satisfies never;
  }
  // Our MDA that gave no answer may have stored it all the same, then or before: it is asked until it answers, lest delivered mail bounce.
  const unheard = verdict.local === true && (remoteMta === undefined || verdict.reply.code === 421);
  if (at >= entry.expiresAt && !unheard) {
    // RFC 3463 §3.5: X.4.7, delivery time expired; the last word of the other side goes along.
    return {
      outcome: { ...base, verdict: 'expired' },
      notice: { recipient, action: 'failed', status: '4.4.7', ...told },
    };
  }
  const patience = isOwnTrouble(verdict) ? { waits: [...OWN_WAITS, ...policy.waits] } : policy;
  const nextAttemptAt = nextAttempt(patience, recipient.attempts + 1, spread.from, entry.expiresAt, spread.fraction);
  const late = recipient.delayNotifiedAt === undefined && at - entry.arrivedAt >= policy.delayNotice;
  return {
    outcome: { ...base, verdict: 'deferred', nextAttemptAt, ...(late && { delayNotified: true }) },
    notice: late ? { recipient, action: 'delayed', willRetryUntil: entry.expiresAt, ...told } : undefined,
  };
}

/** Where no attempt could even begin. */
export function troubleVerdicts(recipients: readonly QueueRecipient[], at: number): Verdict[] {
  const trouble = reply(451, '3.0', 'Internal trouble, will be tried again');
  return recipients.map(({ index }) => ({ index, kind: 'deferred', reply: trouble, at }));
}
