/** A scheduler over a queue in memory and a clock that stands still, whose attempts a test answers. */
import { reply } from '#mail/smtp/reply.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { MemoryQueue } from '#store/memory/queue.ts';
import type { NewQueueEntry, Queue, QueueEntry, QueueRecipient } from '#store/queue.ts';
import { FakeClock } from '#test/support/clock.ts';
import { silentLog } from '#test/support/log.ts';
import { fakeRandom } from '#test/support/random.ts';
import type { Verdict } from '../delivery/verdict.ts';
import { reportsFor } from '../dsn/reporter.ts';
import { Destinations } from './destinations.ts';
import { Scheduler } from './scheduler.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const policy = { waits: [5 * MINUTE, 15 * MINUTE, HOUR], delayNotice: 4 * HOUR };

export interface Bench {
  readonly clock: FakeClock;
  readonly queue: Queue;
  readonly scheduler: Scheduler;
  /** Attempts as `id to,to @minute`. */
  readonly tried: string[];
  answer: (entry: QueueEntry, recipients: readonly QueueRecipient[]) => Promise<Verdict['kind']>;
  /** What the queue was told to send back, as text. */
  readonly reports: string[];
}

export function bench(limit = 5, fraction: () => number = () => 0.5): Bench {
  const clock = new FakeClock();
  const random = fakeRandom();
  const start = clock.now();
  const queue = new MemoryQueue({ clock });
  const tried: string[] = [];
  const reports: string[] = [];
  const it: Bench = {
    clock,
    queue,
    tried,
    reports,
    answer: async () => 'relayed',
    scheduler: new Scheduler({
      queue,
      clock,
      log: silentLog,
      policy: () => policy,
      fraction,
      destinations: new Destinations(new LocalCoordination(clock), clock, () => limit),
      destinationOf: async ({ address: { domain } }) => ({ kind: 'domain', key: domain, domain }),
      async attempt(entry, recipients) {
        const names = recipients.map(({ address }) => address.localPart).join();
        tried.push(`${entry.id} ${names} @${Math.round((clock.now() - start) / MINUTE)}`);
        const kind = await it.answer(entry, recipients);
        const code = { delivered: 250, relayed: 250, refused: 550, deferred: 451 }[kind];
        const at = clock.now();
        return recipients.map(({ index }) => ({ index, kind, reply: reply(code, '0.0', kind), remoteMta: 'mx', at }));
      },
      async report(entry, notices) {
        const content = (from: number, to: number) => queue.content(entry.id, from, to);
        const made = await reportsFor(entry, notices, content, { hostname: 'us.test', clock, random, expire: HOUR });
        for (const { content: c } of made) reports.push('data' in c ? Buffer.from(c.data).toString() : '');
        return made;
      },
    }),
  };
  return it;
}

export function entry(
  clock: FakeClock,
  id: string,
  addresses: string[],
  more: Partial<NewQueueEntry> = {},
): NewQueueEntry {
  return {
    id,
    deliveryId: `d-${id}`,
    reversePath: { localPart: 'a', domain: 'us.test' },
    bodyType: '7bit',
    smtputf8: false,
    arrivedAt: clock.now(),
    expiresAt: clock.now() + 24 * HOUR,
    recipients: addresses.map((address) => {
      const [localPart = '', domain = ''] = address.split('@');
      return { address: { localPart, domain } };
    }),
    content: { data: Buffer.from('Subject: x\r\n\r\nhello\r\n') },
    ...more,
  };
}
