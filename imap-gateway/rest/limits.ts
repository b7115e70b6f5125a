/**
 * How often somebody may ask: by token, by account, or by the address of who is unknown. Counters are shared with all other workers; so that not every request
 * asks them, each worker tells a few at a time, and knows meanwhile what it was told last and what it has counted since.
 */
import { networkMatcher, networkOf } from '#runtime/address.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Caller } from './callers.ts';
import { HttpProblem } from './problems.ts';
import type { RestServices } from './services.ts';

const MINUTE = 60_000;
/** What one worker may count by itself: this part of the limit, and for so long. */
const SHARE = 50;
const LATEST_MS = 1_000;
const MOST_KNOWN = 10_000;

interface Known {
  /** What all workers together had counted, as of `at`. */
  total: number;
  at: number;
  /** Counted here since. */
  fresh: number;
}

export type RateLimit = (exchange: Exchange, caller: Caller | undefined) => Promise<void>;

/** The returned function throws HttpProblem 429 with Retry-After. */
export function rateLimit(
  services: Pick<RestServices, 'config' | 'coordination' | 'metrics' | 'clock' | 'log'>,
): RateLimit {
  const { config, coordination, metrics, clock, log } = services;
  const isExempt = networkMatcher(config.limits.exemptNetworks);
  const limit = config.rest.requestsPerMinute;
  const known = new Map<string, Known>();

  const count = async (key: string): Promise<number> => {
    const now = clock.now();
    const entry = known.get(key) ?? { total: 0, at: Number.NEGATIVE_INFINITY, fresh: 0 };
    entry.fresh++;
    known.set(key, entry);
    const near = entry.total + entry.fresh > limit;
    if (!near && entry.fresh < limit / SHARE && now - entry.at < LATEST_MS) return entry.total + entry.fresh;
    const amount = entry.fresh;
    entry.fresh = 0;
    entry.at = now;
    entry.total = await coordination.count(`rest:${key}`, amount, MINUTE);
    forgetOldest(known);
    return entry.total;
  };

  return async ({ remote }, caller) => {
    if (remote === 'unix' || isExempt(remote)) return;
    const total = await count(limitedBy(caller, remote)).catch((error: unknown) => {
      // Where coordination can't be asked, nobody is turned away.
      log.warn({ err: error }, 'a limit could not be checked');
      return 0;
    });
    if (total <= limit) return;
    metrics?.counter('limit_hits_total', { program: 'imap-gateway', limit: 'requests' }).add();
    throw new HttpProblem('limit-exceeded', 'Too many requests, try again later', { headers: { 'retry-after': '15' } });
  };
}

function limitedBy(caller: Caller | undefined, remote: string): string {
  if (caller?.how === 'token' && caller.token !== undefined) return `token:${caller.token.id}`;
  return caller?.account === undefined ? `address:${networkOf(remote)}` : `account:${caller.account.id}`;
}

/** First in, first out: who asks often is back at once. */
function forgetOldest(known: Map<string, Known>): void {
  for (const key of known.keys()) {
    if (known.size <= MOST_KNOWN) return;
    known.delete(key);
  }
}
