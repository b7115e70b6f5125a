/**
 * Our own stub client (RFC 1035, RFC 2308, RFC 5452): asks recursive servers, keeps what they say as long as they say, and believes
 * nothing that doesn't match its question. Node's resolver hides the AD bit and the TTL of negative answers.
 */
import type { Answer as PacketAnswer } from 'dns-packet';
import type { Endpoint } from '#config/config.ts';
import { isLoopback } from '../address.ts';
import type { Clock, Random } from '../ambient.ts';
import { DnsCache } from './cache.ts';
import { makeQuery, type Reading, readAnswer, type Type } from './message.ts';
import { canBeAsked, canonicalName, reverseName } from './names.ts';
import { type Answer, DnsFailure, type MxRecord, type Resolver } from './resolver.ts';
import { askByTcp, askByUdp } from './transport.ts';

export interface StubResolverOptions {
  /** Asked in this order, beginning with the one that answered last; `serversFor` of resolv-conf.ts gives them. */
  readonly servers: readonly Endpoint[];
  readonly clock: Clock;
  readonly random: Random;
  /** Whose AD bit is believed; those on loopback by default. */
  readonly trusts?: (server: Endpoint) => boolean;
  /** For one try; each server is tried `rounds` times. */
  readonly timeoutMs?: number;
  readonly rounds?: number;
  readonly cacheEntries?: number;
}

const MAX_ALIASES = 8;
/** RFC 9520 §3.2: failures are remembered for a moment, so that a queue full of one domain doesn't ask a thousand times. */
const FAILURE_TTL = 1;

type Raw = Answer<PacketAnswer>;

export function createStubResolver(options: StubResolverOptions): Resolver {
  const stub = new Stub(options);
  const ask = async <T>(type: Type, name: string, read: (record: PacketAnswer) => T[]): Promise<Answer<T>> => {
    const raw = await stub.ask(type, name);
    return { ...raw, records: raw.records.flatMap(read) };
  };
  const text = (record: PacketAnswer): string[] =>
    'data' in record && typeof record.data === 'string' ? [record.data] : [];
  return {
    mx: (domain) => ask('MX', domain, toMx).then(byPreference),
    a: (name) => ask('A', name, text),
    aaaa: (name) => ask('AAAA', name, text),
    txt: (name) => ask('TXT', name, toText),
    ptr: async (address) => {
      const answer = await ask('PTR', reverseName(address), (record) => text(record).map(canonicalName));
      return answer.status === 'nxdomain' ? { ...answer, status: 'nodata' } : answer;
    },
  };
}

function toMx(record: PacketAnswer): MxRecord[] {
  if (record.type !== 'MX') return [];
  const exchange = canonicalName(record.data.exchange);
  return [{ preference: record.data.preference ?? 0, exchange }];
}

function byPreference(answer: Answer<MxRecord>): Answer<MxRecord> {
  return { ...answer, records: [...answer.records].sort((a, b) => a.preference - b.preference) };
}

/** RFC 7208 §3.3: the strings of one record are joined without spaces. */
function toText(record: PacketAnswer): string[] {
  if (record.type !== 'TXT') return [];
  const parts = Array.isArray(record.data) ? record.data : [record.data];
  return [Buffer.concat(parts.map((part) => Buffer.from(part))).toString()];
}

class Stub {
  readonly #options: StubResolverOptions;
  readonly #cache: DnsCache<Raw | DnsFailure>;
  readonly #flying = new Map<string, Promise<Raw>>();
  /** Index of the server that answered last. */
  #preferred = 0;

  constructor(options: StubResolverOptions) {
    this.#options = options;
    this.#cache = new DnsCache(options.clock, options.cacheEntries ?? 20_000);
  }

  async ask(type: Type, asked: string): Promise<Raw> {
    const name = canonicalName(asked);
    if (!canBeAsked(name)) return { status: 'nxdomain', records: [], authentic: false, ttl: 0 };
    const key = `${type} ${name}`;
    const kept = this.#cache.get(key);
    if (kept?.value instanceof DnsFailure) throw kept.value;
    if (kept !== undefined) return { ...kept.value, ttl: kept.left };
    const flying = this.#flying.get(key);
    if (flying !== undefined) return flying;
    const flight = this.#resolve(type, name).finally(() => this.#flying.delete(key));
    this.#flying.set(key, flight);
    return flight.then(
      (answer) => {
        this.#cache.set(key, answer, answer.ttl);
        return answer;
      },
      (error: unknown) => {
        if (error instanceof DnsFailure) this.#cache.set(key, error, FAILURE_TTL);
        throw error;
      },
    );
  }

  async #resolve(type: Type, name: string): Promise<Raw> {
    let ttl = Number.POSITIVE_INFINITY;
    let authentic = true;
    let asked = name;
    for (let hop = 0; hop <= MAX_ALIASES; hop++) {
      const reading = await this.#askServers(type, asked);
      ttl = Math.min(ttl, reading.ttl);
      authentic &&= reading.authentic;
      if (reading.kind === 'records') return { status: 'ok', records: reading.records, authentic, ttl };
      if (reading.kind !== 'alias') return { status: reading.kind, records: [], authentic, ttl };
      asked = reading.target;
      if (!canBeAsked(asked)) break;
    }
    throw new DnsFailure('malformed', `the aliases of ${name} lead nowhere`);
  }

  async #askServers(type: Type, name: string): Promise<Exclude<Reading, { kind: 'retry-by-tcp' }>> {
    const { servers, rounds = 2 } = this.#options;
    let last = new DnsFailure('servfail', 'no DNS server is configured');
    const first = this.#preferred;
    for (let turn = 0; turn < servers.length * rounds; turn++) {
      const index = (first + turn) % servers.length;
      const server = servers[index];
      if (server === undefined) break;
      try {
        const reading = await this.#askServer(server, type, name);
        this.#preferred = index;
        return reading;
      } catch (error) {
        if (!(error instanceof DnsFailure)) throw error;
        last = error;
      }
    }
    throw last;
  }

  async #askServer(server: Endpoint, type: Type, name: string): Promise<Exclude<Reading, { kind: 'retry-by-tcp' }>> {
    const { clock, random, timeoutMs = 2_000, trusts = ({ host }) => isLoopback(host) } = this.#options;
    const query = makeQuery(type, name, random);
    let reading = await askByUdp(server, query.bytes, clock, timeoutMs, (message) => readAnswer(message, query, false));
    if (reading.kind === 'retry-by-tcp') {
      reading = await askByTcp(server, query.bytes, clock, timeoutMs * 2, (message) =>
        readAnswer(message, query, true),
      );
    }
    if (reading.kind === 'retry-by-tcp') throw new DnsFailure('malformed', 'truncated by TCP');
    return trusts(server) ? reading : { ...reading, authentic: false };
  }
}
