/** A name server that misbehaves for the names that it was told about, and answers from zones for all others. UDP and TCP. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode, type Packet, TRUNCATED_RESPONSE } from 'dns-packet';
import { canonicalName } from '#runtime/dns/names.ts';
import type { Zone } from '#runtime/dns/zones.ts';

/**
 * What is wrong with a domain and everything below it. `lies`: wrong ids, questions and sources of records first, then nothing. `loop`: aliases that lead
 * back. `late`: the right answer after a second and a half. `cut`: truncated by UDP, and by TCP an answer that ends in the middle.
 */
export type DnsMischief = 'silent' | 'servfail' | 'refused' | 'lies' | 'loop' | 'late' | 'garbage' | 'cut' | 'crowd';

export interface HostileDns {
  readonly address: string;
  close(): Promise<void>;
}

const SERVFAIL = 2;
const REFUSED = 5;
const LATE_MS = 1_500;

interface Asked {
  readonly packet: Packet;
  readonly byTcp: boolean;
  readonly name: string;
  say(bytes: Buffer): void;
}

export async function startHostileDns(options: {
  readonly host: string;
  readonly port: number;
  readonly zones: readonly Zone[];
  readonly mischief: ReadonlyMap<string, DnsMischief>;
}): Promise<HostileDns> {
  const timers = new Set<NodeJS.Timeout>();
  const open = new Set<Socket>();
  const serve = (query: Buffer, byTcp: boolean, say: (bytes: Buffer) => void): void => {
    const packet = decode(query);
    const name = canonicalName(packet.questions?.[0]?.name ?? '');
    const asked: Asked = { packet, byTcp, name, say };
    const domain = [...options.mischief.keys()].find((one) => name === one || name.endsWith(`.${one}`));
    const mischief = domain === undefined ? undefined : options.mischief.get(domain);
    if (mischief === 'late') {
      const timer = setTimeout(() => answerFrom(options.zones, asked), LATE_MS);
      timers.add(timer);
    } else if (mischief === undefined) answerFrom(options.zones, asked);
    else MISCHIEF[mischief](asked);
  };
  const udp = createSocket('udp4');
  udp.bind(options.port, options.host);
  await once(udp, 'listening');
  udp.on('message', (query, from) => serve(query, false, (bytes) => udp.send(bytes, from.port, from.address)));
  const tcp = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => open.delete(socket));
    socket.once('data', (data) => serve(data.subarray(2), true, (bytes) => socket.write(bytes)));
  }).listen(options.port, options.host);
  await once(tcp, 'listening');
  return {
    address: `${options.host}:${options.port}`,
    async close() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of open) socket.destroy();
      udp.close();
      tcp.close();
      await once(tcp, 'close');
    },
  };
}

function answerFrom(zones: readonly Zone[], asked: Asked): void {
  const type = asked.packet.questions?.[0]?.type;
  const zone = zones.find(({ origin }) => asked.name === origin || asked.name.endsWith(`.${origin}`));
  const records = (zone?.records[asked.name] ?? []).filter((record) => record.type === type);
  reply(
    asked,
    records.map((record): Answer => {
      if (record.type === 'MX') return mx(asked.name, record.exchange, record.preference);
      if ('address' in record) return address(asked.name, record.address);
      if (record.type === 'TXT') return { type: 'TXT', name: asked.name, ttl: 60, data: record.text };
      return { type: record.type as 'PTR', name: asked.name, ttl: 60, data: record.name };
    }),
  );
}

const mx = (name: string, exchange: string, preference = 10): Answer => ({
  type: 'MX',
  name,
  ttl: 60,
  data: { exchange, preference },
});
const address = (name: string, data: string): Answer => ({ type: 'A', name, ttl: 60, data });
const alias = (name: string, data: string): Answer => ({ type: 'CNAME', name, ttl: 60, data });

function reply(asked: Asked, answers: readonly Answer[], change: Partial<Packet> = {}): void {
  const message = encode({
    type: 'response',
    id: asked.packet.id ?? 0,
    flags: AUTHORITATIVE_ANSWER,
    questions: asked.packet.questions ?? [],
    answers: [...answers],
    ...change,
  });
  asked.say(asked.byTcp ? framed(message) : message);
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(message.length);
  return Buffer.concat([head, message]);
}

type Mischievous = (asked: Asked) => void;

const MISCHIEF: { readonly [kind in Exclude<DnsMischief, 'late'>]: Mischievous } = {
  silent: () => undefined,
  servfail: (asked) => reply(asked, [], { flags: SERVFAIL }),
  refused: (asked) => reply(asked, [], { flags: REFUSED }),
  garbage: (asked) => asked.say(Buffer.concat([idOf(asked), Buffer.from([0x81, 0x80]), Buffer.alloc(60, 0xc0)])),
  loop(asked) {
    const { name } = asked;
    reply(asked, [alias(name, `a.${name}`), alias(`a.${name}`, `b.${name}`), alias(`b.${name}`, name)]);
  },
  cut(asked) {
    if (asked.byTcp) asked.say(Buffer.from([0x40, 0, 1, 2, 3]));
    else reply(asked, [], { flags: TRUNCATED_RESPONSE });
  },
  // Two hundred exchanges, each of which has to be looked up in vain.
  crowd: (asked) => reply(asked, isMx(asked) ? crowd(asked.name) : [], isMx(asked) ? {} : { flags: SERVFAIL }),
  lies(asked) {
    const { name, packet } = asked;
    const bait = isMx(asked) ? [mx(name, `evil.${name}`)] : [address(name, '127.6.6.6')];
    const id = packet.id ?? 0;
    reply(asked, bait, { id: (id + 1) & 0xffff });
    reply(asked, bait, { questions: [{ type: 'A', name: `other.${name}`, class: 'IN' }] });
    reply(asked, [mx('someone.else.test', `evil.${name}`)], { id: (id + 2) & 0xffff });
  },
};

const isMx = ({ packet }: Asked): boolean => packet.questions?.[0]?.type === 'MX';
const crowd = (name: string): Answer[] => Array.from({ length: 200 }, (_, n) => mx(name, `mx${n}.${name}`, n));

function idOf({ packet }: Asked): Buffer {
  const id = Buffer.alloc(2);
  id.writeUInt16BE(packet.id ?? 0);
  return id;
}
