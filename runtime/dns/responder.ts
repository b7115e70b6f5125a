/**
 * A small authoritative DNS server over UDP and TCP, from tables: it makes the demo's and the tests' internet. It knows MX, A, AAAA, TXT,
 * PTR and CNAME, tells a name that doesn't exist from one without such a record, and truncates what doesn't fit.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import {
  AUTHORITATIVE_ANSWER,
  type DecodedPacket,
  decode,
  encode,
  type Answer as PacketAnswer,
  type Question,
  TRUNCATED_RESPONSE,
} from 'dns-packet';
import { canonicalName } from './names.ts';
import type { Zone, ZoneRecord } from './zones.ts';

export interface ResponderOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly zones: readonly Zone[];
}

export interface DnsResponder {
  readonly address: { readonly host: string; readonly port: number };
  /** Every question so far, `MX alpha.test`, oldest first; at most the last thousand. */
  readonly questions: readonly string[];
  setZones(zones: readonly Zone[]): void;
  close(): Promise<void>;
}

const NXDOMAIN = 3;
const REFUSED = 5;
const PLAIN_UDP = 512;

export async function startDnsResponder(options: ResponderOptions): Promise<DnsResponder> {
  let zones = options.zones;
  const questions: string[] = [];
  const answer = (query: Buffer, limit: number): Buffer | undefined => {
    const packet = readQuery(query);
    const [question] = packet?.questions ?? [];
    if (packet === undefined || question === undefined) return undefined;
    questions.push(`${question.type} ${canonicalName(question.name)}`);
    if (questions.length > 1000) questions.shift();
    return respond(packet, question, zones, limit);
  };
  const { udp, tcp, port } = await listenOnBoth(options.host, options.port);
  const open = new Set<Socket>();
  udp.on('message', (query, from) => {
    const response = answer(query, 0);
    if (response !== undefined) udp.send(response, from.port, from.address);
  });
  tcp.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    serveStream(socket, (query) => answer(query, 65_535));
  });
  return {
    address: { host: options.host, port },
    questions,
    setZones: (changed) => {
      zones = changed;
    },
    async close() {
      for (const socket of open) socket.destroy();
      await Promise.all([new Promise<void>((done) => udp.close(done)), new Promise((done) => tcp.close(done))]);
    },
  };
}

async function listenOnBoth(host: string, wanted: number): Promise<{ udp: UdpSocket; tcp: Server; port: number }> {
  for (let attempt = 0; ; attempt++) {
    const udp = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const tcp = createServer();
    try {
      udp.bind(wanted, host);
      await once(udp, 'listening');
      const { port } = udp.address();
      tcp.listen(port, host);
      await once(tcp, 'listening');
      return { udp, tcp, port };
    } catch (error) {
      udp.close();
      tcp.close();
      // A port that is free for UDP may be taken for TCP: another one will do when any will.
      if (wanted !== 0 || attempt >= 20) throw error;
    }
  }
}

/** RFC 1035 §4.2.2: two octets of length before each message. */
function serveStream(socket: Socket, answer: (query: Buffer) => Buffer | undefined): void {
  let rest = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      const response = answer(rest.subarray(2, end));
      rest = rest.subarray(end);
      if (response === undefined) continue;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(response.length);
      socket.write(Buffer.concat([length, response]));
    }
  });
}

function readQuery(bytes: Buffer): DecodedPacket | undefined {
  try {
    const packet = decode(bytes);
    return packet.flag_qr ? undefined : packet;
  } catch {
    return undefined; // not DNS: no answer is the answer
  }
}

/** `limit` 0: what the query's EDNS allows. */
function respond(query: DecodedPacket, question: Question, zones: readonly Zone[], limit: number): Buffer {
  const edns = query.additionals?.find((record) => record.type === 'OPT');
  const size = limit > 0 ? limit : Math.max(PLAIN_UDP, edns?.udpPayloadSize ?? 0);
  const { code, answers, authorities } = lookUp(question, zones);
  const base = {
    type: 'response' as const,
    id: query.id ?? 0,
    // The question goes back in the case in which it came.
    questions: [question],
    ...(edns === undefined ? {} : { additionals: [{ ...edns, udpPayloadSize: 1232, flags: 0, options: [] }] }),
  };
  const flags = AUTHORITATIVE_ANSWER | code | ((query.flags ?? 0) & 0x0100);
  const whole = encode({ ...base, flags, answers, authorities });
  return whole.length <= size ? whole : encode({ ...base, flags: flags | TRUNCATED_RESPONSE });
}

interface Found {
  code: number;
  answers: PacketAnswer[];
  authorities: PacketAnswer[];
}

function lookUp(question: Question, zones: readonly Zone[]): Found {
  const answers: PacketAnswer[] = [];
  let name = canonicalName(question.name);
  let owner = question.name;
  for (let hop = 0; hop < 8; hop++) {
    const zone = zoneOf(name, zones);
    if (zone === undefined) return { code: answers.length > 0 ? 0 : REFUSED, answers, authorities: [] };
    const records = zone.records[name] ?? [];
    const matching = records.filter(({ type }) => type === question.type);
    const alias = records.find(({ type }) => type === 'CNAME');
    if (matching.length > 0 || alias === undefined) {
      answers.push(...matching.map((record) => toAnswer(owner, record, zone)));
      if (matching.length > 0) return { code: 0, answers, authorities: [] };
      return { code: exists(name, zone) ? 0 : NXDOMAIN, answers, authorities: [soa(zone)] };
    }
    answers.push(toAnswer(owner, alias, zone));
    name = 'name' in alias ? canonicalName(alias.name) : name;
    owner = name;
  }
  return { code: 0, answers, authorities: [] };
}

function zoneOf(name: string, zones: readonly Zone[]): Zone | undefined {
  return zones
    .filter(({ origin }) => name === origin || name.endsWith(`.${origin}`))
    .sort((a, b) => b.origin.length - a.origin.length)[0];
}

/** A name exists when it has a record or stands above one (RFC 8020). */
function exists(name: string, zone: Zone): boolean {
  return (
    name === zone.origin || Object.keys(zone.records).some((owner) => owner === name || owner.endsWith(`.${name}`))
  );
}

function toAnswer(name: string, record: ZoneRecord, zone: Zone): PacketAnswer {
  const common = { name, ttl: zone.ttl ?? 60, class: 'IN' as const };
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { ...common, type: record.type, data: record.address };
    case 'MX':
      return { ...common, type: 'MX', data: { preference: record.preference, exchange: record.exchange || '.' } };
    case 'TXT':
      return { ...common, type: 'TXT', data: record.text.match(/.{1,255}/gs) ?? [''] };
    case 'PTR':
    case 'CNAME':
      return { ...common, type: record.type, data: record.name };
  }
}

function soa(zone: Zone): PacketAnswer {
  const ttl = zone.ttl ?? 60;
  const data = {
    mname: `ns.${zone.origin}`,
    rname: `postmaster.${zone.origin}`,
    serial: 1,
    refresh: 3600,
    retry: 600,
    expire: 86_400,
    minimum: ttl,
  };
  return { type: 'SOA', name: zone.origin, ttl, class: 'IN', data };
}
