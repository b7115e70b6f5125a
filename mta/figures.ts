/** What the MTA counts of its queue and of what it hands to the MDA. */
import { isPositive } from '#mail/smtp/reply.ts';
import type { Clock } from '#runtime/ambient.ts';
import type { Metrics } from '#runtime/metrics/metrics.ts';
import { reasonOf } from '#runtime/metrics/replies.ts';
import type { OutgoingMessage, TransactionResult } from '#runtime/smtp/client-types.ts';
import type { NewQueueEntry, Queue } from '#store/queue.ts';

/** The queue as its scheduler and all who enqueue see it. */
export function countedQueue<Q extends Queue>(queue: Q, metrics: Metrics): Q {
  const entries = metrics.counter('queue_entries_total');
  return {
    ...queue,
    async enqueue(entry: NewQueueEntry) {
      const id = await queue.enqueue(entry);
      entries.add();
      return id;
    },
    async settle(...[id, outcomes, reports]: Parameters<Queue['settle']>) {
      await queue.settle(id, outcomes, reports);
      for (const { verdict, reply } of outcomes) {
        metrics
          .counter('queue_recipients_total', { verdict, reason: reply === undefined ? 'none' : reasonOf(reply) })
          .add();
      }
      entries.add(reports.length);
      metrics.counter('queue_reports_total').add(reports.length);
    },
  };
}

/** How large the queue is, whenever somebody asks. The returned function ends that. */
export function watchQueue(queue: Pick<Queue, 'counts'>, metrics: Metrics, clock: Pick<Clock, 'now'>): () => void {
  const messages = metrics.gauge('queue_messages');
  const recipients = metrics.gauge('queue_recipients');
  const oldest = metrics.gauge('queue_oldest_seconds');
  const end = metrics.beforeLook(async () => {
    const counts = await queue.counts();
    messages.set(counts.messages);
    recipients.set(counts.recipients);
    oldest.set(counts.oldest === undefined ? 0 : Math.max(0, clock.now() - counts.oldest) / 1_000);
  });
  return () => {
    end();
    // Another process says it from now on, and figures are added up.
    for (const gauge of [messages, recipients, oldest]) gauge.set(0);
  };
}

interface Mda {
  send(message: OutgoingMessage): Promise<TransactionResult>;
}

/** Times each message on its way to the MDA. */
export function timedMda(mda: Mda, metrics: Metrics, clock: Pick<Clock, 'now'>): Mda {
  const seconds = {
    delivered: metrics.histogram('handover_seconds', { outcome: 'delivered' }),
    refused: metrics.histogram('handover_seconds', { outcome: 'refused' }),
    queued: metrics.histogram('handover_seconds', { outcome: 'queued' }),
  };
  return {
    async send(message) {
      const begun = clock.now();
      const result = await mda.send(message);
      const { recipients } = result;
      const replies = recipients.flatMap((one) => (one.kind === 'reply' ? [one.reply] : []));
      const all = replies.length === recipients.length;
      const outcome = !all
        ? 'queued'
        : replies.every(isPositive)
          ? 'delivered'
          : replies.some(isPositive)
            ? 'queued'
            : 'refused';
      seconds[outcome].observe((clock.now() - begun) / 1_000);
      return result;
    },
  };
}
