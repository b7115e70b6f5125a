/** Which hosts take the mail of a domain, in the order in which to try them (RFC 5321 §5.1, RFC 7505). */
import { type Reply, reply } from '#mail/smtp/reply.ts';
import { DnsFailure, type MxRecord, type Resolver } from '#runtime/dns/resolver.ts';

export type HostList =
  | { readonly kind: 'hosts'; readonly hosts: readonly string[]; readonly implicit: boolean }
  | { readonly kind: 'failed'; readonly reply: Reply };

export interface MxOptions {
  readonly resolver: Resolver;
  /** Names that are this host, lower case. */
  readonly ownNames: ReadonlySet<string>;
  /** 0 ≤ x < 1. */
  fraction(): number;
}

export async function mailHosts(domain: string, options: MxOptions): Promise<HostList> {
  let answer: Awaited<ReturnType<Resolver['mx']>>;
  try {
    answer = await options.resolver.mx(domain);
  } catch (error) {
    // RFC 5321 §5.1: a temporary error is never read as "no MX".
    return failed(dnsTrouble(domain, error));
  }
  if (answer.status === 'nxdomain') return failed(reply(550, '1.2', `Domain ${domain} does not exist`));
  // RFC 5321 §5.1: the domain itself is the implicit MX only when there is no MX record at all.
  if (answer.records.length === 0) return { kind: 'hosts', hosts: [domain], implicit: true };
  const named = answer.records.filter((record) => record.exchange !== '');
  if (named.length === 0) return failed(reply(556, '1.10', `Domain ${domain} accepts no mail`));
  const usable = withoutLoop(named, options.ownNames);
  if (usable.length === 0) {
    return failed(reply(554, '4.6', `Mail for ${domain} loops back to this host, which does not serve it`));
  }
  const hosts = shuffleTies(usable, () => options.fraction()).map((record) => record.exchange);
  return { kind: 'hosts', hosts: [...new Set(hosts)], implicit: false };
}

/** RFC 5321 §5.1: when we are in the list ourselves, we and all that are not better than us go, for they would send it back. */
function withoutLoop(records: readonly MxRecord[], ownNames: ReadonlySet<string>): MxRecord[] {
  const own = records.filter((record) => ownNames.has(record.exchange)).map((record) => record.preference);
  const bar = Math.min(...own, Number.POSITIVE_INFINITY);
  return records.filter((record) => record.preference < bar);
}

/** RFC 5321 §5.1: lower preference first; equals in random order, to spread the load. */
function shuffleTies(records: readonly MxRecord[], fraction: () => number): MxRecord[] {
  return records
    .map((record) => ({ record, tie: fraction() }))
    .sort((a, b) => a.record.preference - b.record.preference || a.tie - b.tie)
    .map(({ record }) => record);
}

/** Anything that isn't a clear answer is temporary. */
export function dnsTrouble(name: string, error: unknown): Reply {
  const why = error instanceof DnsFailure ? error.code : 'failure';
  return reply(451, '4.3', `Name server trouble (${why}) while looking up ${name}`);
}

const failed = (answer: Reply): HostList => ({ kind: 'failed', reply: answer });
