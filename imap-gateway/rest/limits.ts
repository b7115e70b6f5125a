/** How often somebody may ask: by token, by account, or by the address of who is unknown. */
import { networkMatcher, networkOf } from '#runtime/address.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Caller } from './callers.ts';
import { HttpProblem } from './problems.ts';
import type { RestServices } from './services.ts';

const MINUTE = 60_000;

/** @throws HttpProblem 429 with Retry-After. */
export async function limitRate(services: RestServices, exchange: Exchange, caller: Caller | undefined): Promise<void> {
  const { remote } = exchange;
  const { config, coordination, metrics } = services;
  if (remote === 'unix' || networkMatcher(config.limits.exemptNetworks)(remote)) return;
  const count = await coordination.count(`rest:${limitedBy(caller, remote)}`, 1, MINUTE);
  if (count <= config.rest.requestsPerMinute) return;
  metrics?.counter('limit_hits_total', { program: 'imap-gateway', limit: 'requests' }).add();
  throw new HttpProblem('limit-exceeded', 'Too many requests, try again later', { headers: { 'retry-after': '15' } });
}

function limitedBy(caller: Caller | undefined, remote: string): string {
  if (caller?.how === 'token' && caller.token !== undefined) return `token:${caller.token.id}`;
  return caller?.account === undefined ? `address:${networkOf(remote)}` : `account:${caller.account.id}`;
}
