/** The way out, put together: connections, routing, attempts and the scheduler over the queue that this worker holds. */
import { networkInterfaces } from 'node:os';
import type { Config } from '#config/config.ts';
import type { Notice } from '#mail/dsn/notice.ts';
import { canonicalAddress } from '#runtime/address.ts';
import type { Resolver } from '#runtime/dns/resolver.ts';
import type { ProgramContext } from '#runtime/service.ts';
import type { Directory } from '#store/directory.ts';
import type { NewQueueEntry, Queue } from '#store/queue.ts';
import { attempt } from './delivery/attempt.ts';
import { ConnectionPool } from './delivery/connection-pool.ts';
import { Signing } from './delivery/signing.ts';
import { readSmarthostLogin } from './delivery/smarthost.ts';
import { type ReportedMessage, reportsFor } from './dsn/reporter.ts';
import { Destinations } from './queue/destinations.ts';
import { Scheduler } from './queue/scheduler.ts';
import { destinationOf } from './routing/destination.ts';
import type { RoutingOptions } from './routing/next-hops.ts';

export interface OutboundContext {
  readonly context: Pick<ProgramContext, 'clock' | 'random' | 'log' | 'coordination'>;
  readonly directory: Pick<Directory, 'isLocalDomain' | 'dkimKeys'>;
  readonly resolver: Resolver;
  /** The configuration as it is now: it may be replaced while running. */
  config(): Config;
}

export interface Outbound {
  /** Ends what is being tried, for `deadlineMs` at most, then cuts connections. The queue is the caller's to close. */
  stop(deadlineMs: number): Promise<void>;
}

/** Attempts at our own MDA at a time: it stores in groups, so more in flight is less work for each. */
const LOCAL_CONCURRENCY = 16;

/** Begins to deliver what is in the queue. */
export function startOutbound(queue: Queue, outbound: OutboundContext): Outbound {
  const { context, directory } = outbound;
  const config = (): Config => outbound.config();
  const { clock, random, log, coordination } = context;
  const pool = new ConnectionPool({
    clock,
    random,
    log,
    hostname: config().hostname,
    smarthostLogin: () => readSmarthostLogin(config()),
  });
  const signing = new Signing({ directory, clock, hostname: () => config().hostname });
  const limit = (key: string): number =>
    key === 'local' ? LOCAL_CONCURRENCY : config().delivery.concurrencyPerDestination;
  const scheduler = new Scheduler({
    queue,
    clock,
    log,
    policy: () => ({ waits: config().delivery.retry, delayNotice: config().delivery.delayNotice }),
    destinations: new Destinations(coordination, clock, limit),
    fraction: () => random.fraction(),
    destinationOf({ address }) {
      const { listeners, routes, delivery } = config();
      return destinationOf(address, {
        lmtpPath: listeners.lmtpUnix,
        routes,
        ...(delivery.smarthost !== undefined && { smarthost: delivery.smarthost }),
        smarthostLogin: delivery.smarthostUser !== undefined,
        isLocalDomain: (domain) => directory.isLocalDomain(domain),
      });
    },
    attempt: (entry, recipients, destination) =>
      attempt(entry, recipients, destination, { clock, log, pool, source: queue, routing: routing(outbound), signing }),
    report: (entry, notices) => report(outbound)(entry, notices, (start, end) => queue.content(entry.id, start, end)),
  });
  scheduler.start();
  return {
    async stop(deadlineMs) {
      const expired = new AbortController();
      const cancel = clock.after(deadlineMs, () => expired.abort());
      await scheduler.drain(expired.signal);
      cancel();
      await pool.close(expired.signal.aborted);
    },
  };
}

type ReportFunction = (
  message: ReportedMessage,
  notices: readonly Notice[],
  content: (start: number, end: number) => AsyncIterable<Uint8Array>,
) => Promise<NewQueueEntry[]>;

/** Makes reports with the configuration as it is now. */
export function report({ context, config }: Pick<OutboundContext, 'context' | 'config'>): ReportFunction {
  const { clock, random } = context;
  return (message, notices, content) => {
    const { hostname, delivery } = config();
    return reportsFor(message, notices, content, { hostname, clock, random, expire: delivery.expire });
  };
}

function routing({ context, resolver, ...outbound }: OutboundContext): RoutingOptions {
  const { hostname, delivery } = outbound.config();
  return {
    resolver,
    ownNames: new Set([hostname.toLowerCase()]),
    // Where loopback is allowed, several peers share this host's addresses and only names tell them apart.
    ownAddresses: delivery.allowLoopback ? new Set() : addressesOfThisHost(),
    allowLoopback: delivery.allowLoopback,
    fraction: () => context.random.fraction(),
    port: delivery.port,
  };
}

/** Interfaces come and go, so they are asked each time; it takes microseconds. */
function addressesOfThisHost(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return new Set(all.map(({ address }) => canonicalAddress(address)));
}
