/** Questions as bytes, and what an answer to one of them says. */
import {
  AUTHENTIC_DATA,
  type DecodedPacket,
  decode,
  encode,
  type Answer as PacketAnswer,
  RECURSION_DESIRED,
} from 'dns-packet';
import type { Random } from '../ambient.ts';
import { canonicalName } from './names.ts';
import { DnsFailure } from './resolver.ts';

export type Type = 'A' | 'AAAA' | 'MX' | 'TXT' | 'PTR';

export interface Query {
  readonly id: number;
  readonly type: Type;
  /** In random case (0x20): a forger would have to guess it along with id and port. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** RFC 9715: this size avoids fragments. */
const UDP_SIZE = 1232;
const MAX_TTL = 86_400;
const MAX_NEGATIVE_TTL = 3_600;
const MAX_ALIASES = 8;

export function makeQuery(type: Type, name: string, random: Random): Query {
  const [high = 0, low = 0, ...coins] = random.bytes(2 + name.length);
  const id = high * 256 + low;
  const mixed = name.replace(/[a-z]/g, (letter, at: number) => ((coins[at] ?? 0) & 1 ? letter.toUpperCase() : letter));
  const bytes = encode({
    type: 'query',
    id,
    // RFC 6840 §5.7: AD in a question asks for AD in the answer.
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [{ type, name: mixed, class: 'IN' }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: UDP_SIZE,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  });
  return { id, type, name: mixed, bytes };
}

export type Reading =
  /** Truncated, or right but for the case of the name (some servers fold it): to be asked again by TCP. */
  | { readonly kind: 'retry-by-tcp' }
  | {
      readonly kind: 'records';
      readonly records: readonly PacketAnswer[];
      readonly ttl: number;
      readonly authentic: boolean;
    }
  /** `aliasOf`: the answer ended at an alias whose target has to be asked for. */
  | { readonly kind: 'alias'; readonly target: string; readonly ttl: number; readonly authentic: boolean }
  | { readonly kind: 'nodata' | 'nxdomain'; readonly ttl: number; readonly authentic: boolean };

/** `undefined` when the message is not an answer to this query. Throws `DnsFailure` when it is one that says that it failed. */
export function readAnswer(message: Buffer, query: Query, byTcp: boolean): Reading | undefined {
  // RFC 5452 §9.1: id and question have to match; a datagram that doesn't is passed over, the right one may follow.
  if (message.length < 12 || message.readUInt16BE(0) !== query.id || (message[2] ?? 0) < 128) return undefined;
  let packet: DecodedPacket;
  try {
    packet = decode(message);
  } catch {
    return truncatedOr(message, byTcp);
  }
  const [question, more] = packet.questions ?? [];
  const code = (packet.flags ?? 0) & 15;
  if (question === undefined || more !== undefined) return code === 0 || code === 3 ? undefined : failure(code);
  if (question.type !== query.type || canonicalName(question.name) !== canonicalName(query.name)) return undefined;
  if (question.name !== query.name && !byTcp) return { kind: 'retry-by-tcp' };
  if (packet.flag_tc && !byTcp) return { kind: 'retry-by-tcp' };
  if (code !== 0 && code !== 3) return failure(code);
  return followAliases(packet, query, code === 3);
}

/** A datagram that was cut off in the middle can't be decoded, but its head still says so. */
function truncatedOr(message: Buffer, byTcp: boolean): Reading {
  if (!byTcp && ((message[2] ?? 0) & 2) !== 0) return { kind: 'retry-by-tcp' };
  throw new DnsFailure('malformed', 'an answer that cannot be read');
}

function failure(code: number): never {
  if (code === 5) throw new DnsFailure('refused', 'the server refuses to answer');
  if (code === 2) throw new DnsFailure('servfail', 'the server failed');
  throw new DnsFailure('servfail', `the server answered with code ${code}`);
}

function followAliases(packet: DecodedPacket, query: Query, nxdomain: boolean): Reading {
  const answers = packet.answers ?? [];
  const authentic = packet.flag_ad;
  let name = canonicalName(query.name);
  let ttl = MAX_TTL;
  const seen = new Set<string>();
  for (;;) {
    // Aliases in a circle, or too many of them, are somebody's mistake and say nothing about the name: not "no data".
    if (seen.has(name) || seen.size > MAX_ALIASES)
      throw new DnsFailure('malformed', `the aliases of ${canonicalName(query.name)} lead nowhere`);
    seen.add(name);
    const own = answers.filter((record) => canonicalName(record.name) === name);
    const records = own.filter(({ type }) => type === query.type);
    if (records.length > 0) return { kind: 'records', records, ttl: lowest(records, ttl), authentic };
    const alias = own.find((record) => record.type === 'CNAME');
    if (alias?.type !== 'CNAME') break;
    ttl = lowest([alias], ttl);
    name = canonicalName(alias.data);
  }
  const negative = negativeTtl(packet, ttl);
  if (nxdomain) return { kind: 'nxdomain', ttl: negative, authentic };
  // An authority section with SOA says that the server followed the alias to its end and found nothing there.
  if (name !== canonicalName(query.name) && !hasSoa(packet)) return { kind: 'alias', target: name, ttl, authentic };
  return { kind: 'nodata', ttl: negative, authentic };
}

function lowest(records: readonly PacketAnswer[], ttl: number): number {
  return records.reduce((least, record) => Math.min(least, ('ttl' in record ? record.ttl : undefined) ?? 0), ttl);
}

function hasSoa(packet: DecodedPacket): boolean {
  return (packet.authorities ?? []).some(({ type }) => type === 'SOA');
}

/** RFC 2308 §5: the lesser of the SOA's own TTL and its minimum; without SOA nothing is kept. */
function negativeTtl(packet: DecodedPacket, ttl: number): number {
  const record = packet.authorities?.find(({ type }) => type === 'SOA');
  if (record?.type !== 'SOA') return 0;
  return Math.min(ttl, record.ttl ?? 0, record.data.minimum ?? 0, MAX_NEGATIVE_TTL);
}
