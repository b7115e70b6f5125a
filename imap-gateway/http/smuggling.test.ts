/**
 * Requests that a proxy in front and we could cut apart in different places (RFC 9112 §11.2). Each hides a request in what another reading takes for a body: it is never
 * answered, and what follows a request that can be read in two ways is not read at all.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { createMetrics } from '#runtime/metrics/metrics.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import { testSecureContext } from '#test/support/certificate.ts';
import { silentLog } from '#test/support/log.ts';
import { examiner } from './exchange.ts';
import { HttpListener } from './listener.ts';

const asked: string[] = [];
let listener: HttpListener;
let server: Server;

before(async () => {
  const coordination = new LocalCoordination(systemClock);
  listener = new HttpListener(
    {
      coordination,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      metrics: createMetrics(),
      secureContext: testSecureContext,
    },
    {
      examine: examiner({ trustedProxies: [], random: systemRandom }),
      handlers: [
        {
          name: 'rest',
          wants: () => true,
          inClear: () => 'serve',
          handle(request, response, { path, host }) {
            asked.push(`${request.method} ${path} ${host}`);
            request.resume().once('end', () => response.end('answer'));
          },
        },
      ],
      hostname: 'mail.alpha.test',
      connectionsPerAddress: 100,
      exemptNetworks: [],
      minimumRate: 500,
      contentTimeout: 3_600_000,
    },
  );
  server = createServer({ pauseOnConnect: true }, (socket) => listener.accept('http', socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(async () => {
  server.close();
  await listener.drain(0);
});

/** Sends all of it and closes that half; answers the status lines, and what handlers were asked for. */
async function exchange(text: string): Promise<{ statuses: string[]; asked: string[] }> {
  asked.length = 0;
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let heard = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (heard += chunk));
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  socket.end(Buffer.from(text, 'latin1'));
  await closed;
  return { statuses: Array.from(heard.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => status!), asked: [...asked] };
}

const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n';
const post = (...fields: string[]): string => `POST /p HTTP/1.1\r\nHost: x\r\n${fields.join('\r\n')}\r\n\r\n`;

const REFUSED: Readonly<Record<string, string>> = {
  'both lengths': `${post('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n${HIDDEN}`,
  'both lengths, turned round': `${post('Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n${HIDDEN}`,
  'two lengths': post('Content-Length: 0', `Content-Length: ${HIDDEN.length}`) + HIDDEN,
  'two lengths in one field': post(`Content-Length: 0, ${HIDDEN.length}`) + HIDDEN,
  'a length with a sign': post(`Content-Length: +${HIDDEN.length}`) + HIDDEN,
  'a negative length': post('Content-Length: -1') + HIDDEN,
  'a hexadecimal length': post('Content-Length: 0x10') + HIDDEN,
  'a length with a space': post('Content-Length: 1 0') + HIDDEN,
  'a length beyond numbers': post('Content-Length: 18446744073709551616') + HIDDEN,
  'a space before the colon': `${post('Transfer-Encoding : chunked', 'Content-Length: 5')}0\r\n\r\n${HIDDEN}`,
  'a folded coding': `${post('Transfer-Encoding:', ' chunked', 'Content-Length: 5')}0\r\n\r\n${HIDDEN}`,
  'a coding that is unknown': `${post('Transfer-Encoding: xchunked')}0\r\n\r\n${HIDDEN}`,
  'chunked is not the last': `${post('Transfer-Encoding: chunked, identity')}0\r\n\r\n${HIDDEN}`,
  'chunked twice': `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: identity')}0\r\n\r\n${HIDDEN}`,
  'a coding behind a control': `${post('Transfer-Encoding: \x0bchunked')}0\r\n\r\n${HIDDEN}`,
  'a chunk with a sign': `${post('Transfer-Encoding: chunked')}+0\r\n\r\n${HIDDEN}`,
  'a chunk with 0x': `${post('Transfer-Encoding: chunked')}0x0\r\n\r\n${HIDDEN}`,
  'a chunk beyond numbers': `${post('Transfer-Encoding: chunked')}10000000000000000\r\n\r\n${HIDDEN}`,
  'a chunk that ends in LF': `${post('Transfer-Encoding: chunked')}1\nx\n0\n\n${HIDDEN}`,
  'a chunk that is too long for its size': `${post('Transfer-Encoding: chunked')}1\r\nxy\r\n0\r\n\r\n${HIDDEN}`,
  'an extension with a bare LF': `${post('Transfer-Encoding: chunked')}0;a\nb\r\n\r\n${HIDDEN}`,
  'a NUL': post('X-A: a\0b', 'Content-Length: 0') + HIDDEN,
  'a bare CR in a field': post(`X-A: a\rContent-Length: ${HIDDEN.length}`) + HIDDEN,
  'no name of a field': post(': a', 'Content-Length: 0') + HIDDEN,
  'no version': `GET /p\r\n\r\n${HIDDEN}`,
  'another version': `GET /p HTTP/2.0\r\nHost: x\r\n\r\n${HIDDEN}`,
  'a preface of HTTP/2': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`,
  'white space before the first field': `GET /p HTTP/1.1\r\n Host: x\r\nHost: y\r\n\r\n${HIDDEN}`,
};

for (const [what, text] of Object.entries(REFUSED)) {
  test(`refused, and nothing behind it is read: ${what}`, async () => {
    const { statuses, asked } = await exchange(text);
    assert.ok(!asked.some((one) => one.includes('/hidden')), asked.join());
    assert.equal(statuses.at(-1)?.[0] ?? '4', '4', `${statuses.join()} ${asked.join()}`);
    assert.ok(statuses.length <= 1 + asked.length, statuses.join());
  });
}

for (const [what, text] of [
  ['by length', post(`Content-Length: ${HIDDEN.length}`) + HIDDEN],
  ['in a chunk', `${post('Transfer-Encoding: chunked')}${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`],
  ['of a GET', `GET /p HTTP/1.1\r\nHost: x\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
] as const) {
  test(`a body is no request: ${what}`, async () => {
    const { statuses, asked } = await exchange(text);
    assert.deepEqual([statuses, asked.length], [['200'], 1]);
  });
}

test('an upgrade that we do not make leaves no tunnel', async () => {
  for (const protocol of ['h2c', 'websocket', 'TLS/1.0']) {
    const head = `GET /p HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AA\r\n\r\n`;
    const { statuses } = await exchange(head);
    assert.ok(!statuses.includes('101'), statuses.join());
  }
  const { statuses, asked } = await exchange(
    `CONNECT inside.test:25 HTTP/1.1\r\nHost: inside.test:25\r\n\r\n${HIDDEN}`,
  );
  assert.ok(!statuses.includes('200') && asked.length === 0, `${statuses.join()} ${asked.join()}`);
});

test('who names two hosts, or none, is refused', async () => {
  for (const fields of ['Host: x\r\nHost: y\r\n', 'Host: x\r\nhOST: x\r\n', 'X-Host: x\r\n']) {
    const { statuses, asked } = await exchange(`GET /p HTTP/1.1\r\n${fields}\r\n`);
    assert.deepEqual([statuses, asked], [['400'], []], fields);
  }
});
