/** Answers of DNS servers: as they are read, and through the whole resolver. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { encode, type Packet } from 'dns-packet';
import { makeQuery, readAnswer, type Type } from '#runtime/dns/message.ts';
import { DnsFailure } from '#runtime/dns/resolver.ts';
import { createStubResolver } from '#runtime/dns/stub-resolver.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import type { FuzzRandom } from '../random.ts';
import type { Target } from '../target.ts';
import { refusing } from './kit.ts';

const NAME = 'mail.example.test';
const ALIAS = 'other.example.test';
/** Names keep their case, so that recorded answers match. */
const plain = { bytes: (length: number) => new Uint8Array(length), fraction: () => 0 };

const TYPES: readonly Type[] = ['A', 'AAAA', 'MX', 'TXT', 'PTR'];

function answer(type: Type, parts: Partial<Packet>, flags = 0): Buffer {
  return encode({
    type: 'response',
    id: 0,
    flags: 0x180 | flags,
    questions: [{ type, name: NAME, class: 'IN' }],
    ...parts,
  });
}

const soa = {
  mname: 'ns.example.test',
  rname: 'x.example.test',
  serial: 1,
  refresh: 1,
  retry: 1,
  expire: 1,
  minimum: 60,
};
const authorities = [{ type: 'SOA' as const, name: 'example.test', ttl: 60, data: soa }];
const cname = { type: 'CNAME' as const, name: NAME, ttl: 5, data: ALIAS };

/** One of each type, with aliases, without data, without such a name, cut off, refused. */
function recordings(): Buffer[] {
  return [
    answer('A', { answers: [{ type: 'A', name: NAME, ttl: 60, data: '192.0.2.1' }] }),
    answer('AAAA', { answers: [cname, { type: 'AAAA', name: ALIAS, ttl: 60, data: '2001:db8::1' }] }),
    answer('MX', {
      answers: [10, 20].map((preference) => ({
        type: 'MX',
        name: NAME,
        ttl: 9,
        data: { preference, exchange: ALIAS },
      })),
    }),
    answer('MX', { answers: [{ type: 'MX', name: NAME, ttl: 9, data: { preference: 0, exchange: '.' } }] }),
    answer('TXT', { answers: [{ type: 'TXT', name: NAME, ttl: 9, data: ['v=spf1', ' -all'] }] }),
    answer('PTR', { answers: [{ type: 'PTR', name: NAME, ttl: 9, data: ALIAS }] }),
    answer('A', { answers: [cname] }),
    answer('A', { answers: [cname, { type: 'CNAME', name: ALIAS, ttl: 5, data: NAME }] }),
    answer('MX', { authorities }),
    answer('A', { authorities }, 3),
    answer('A', {}, 0x200),
    answer('A', {}, 2),
    answer('A', {}, 5),
  ];
}

export const dns: Target = {
  name: 'dns',
  dictionary: [
    '\xc0\x0c',
    '\xc0\x00',
    '\xc0\xff',
    '\0',
    '\0\x01',
    '\0\x05',
    '\0\x0f',
    '\0\x10',
    '\0\x1c',
    '\0\x29',
    '\xff\xff',
    '\x3f',
    '\x04mail\x07example\x04test\0',
    '\0\0\0\0',
  ],
  seeds: recordings,
  async run(input, random) {
    // The id and the bit that says "answer" are right, or nothing would be read at all.
    const message = Buffer.from(input);
    if (message.length >= 3 && random.chance(95)) {
      message.writeUInt16BE(0, 0);
      message[2] = (message[2] ?? 0) | 128;
    }
    for (const type of TYPES) {
      const query = makeQuery(type, NAME, plain);
      for (const byTcp of [false, true]) {
        const reading = refusing(() => readAnswer(message, query, byTcp), DnsFailure);
        if (reading?.kind === 'records')
          assert.ok(reading.records.every((record) => record.type === type) && reading.ttl >= 0);
        if (reading !== undefined && 'ttl' in reading)
          assert.ok(reading.ttl >= 0 && reading.ttl <= 86_400, `TTL ${reading.ttl}`);
      }
    }
    if (random.chance(10)) await checkResolver(message, random);
  },
};

let server: Promise<Socket> | undefined;
let reply: Buffer = Buffer.alloc(0);

async function listening(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (question, { port, address }) => {
    const message = Buffer.from(reply);
    if (message.length > 2) question.copy(message, 0, 0, 2);
    socket.send(message, port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.unref();
  return socket;
}

async function checkResolver(message: Buffer, random: FuzzRandom): Promise<void> {
  server ??= listening();
  const { port } = (await server).address();
  reply = message;
  const servers = [{ host: '127.0.0.1', port }];
  const resolver = createStubResolver({
    servers,
    clock: systemClock,
    random: { ...systemRandom, ...plain },
    timeoutMs: 20,
    rounds: 1,
  });
  const ask = random.pick(['mx', 'a', 'aaaa', 'txt'] as const);
  try {
    const { records, ttl } = await resolver[ask](NAME);
    assert.ok(Array.isArray(records) && ttl >= 0);
    for (const record of records) assert.ok(typeof record === 'string' || typeof record.exchange === 'string');
  } catch (error) {
    if (!(error instanceof DnsFailure)) throw error;
  }
}
