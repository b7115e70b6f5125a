import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createListener } from 'node:net';
import { test } from 'node:test';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { systemClock } from '#runtime/system.ts';
import { silentLog } from '#test/support/log.ts';
import { HttpConnection } from './connection.ts';

test('who sends requests by the thousand before one is answered is cut off', async () => {
  const rooms = { clock: systemClock, coordination: new LocalCoordination(systemClock), log: silentLog };
  const session = { id: 'x', protocol: 'http', remote: '192.0.2.1', since: 0 } as const;
  const waiting: ServerResponse[] = [];
  let connection: HttpConnection;
  const server = createServer((request, response) => {
    connection.serve(request, response);
    waiting.push(response);
    if (waiting.length === 50) for (const one of waiting) one.end('x');
  });
  const listener = createListener((socket) => {
    connection = new HttpConnection(socket, session, { minimumRate: 100, contentTimeout: 60_000 }, rooms);
    server.emit('connection', socket);
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
  const requests = (count: number): string => 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(count);
  client.write(requests(50));
  for (let answers = 0; answers < 50; ) {
    const [text] = (await once(client.setEncoding('latin1'), 'data')) as [string];
    answers += text.split('HTTP/1.1 200').length - 1;
  }
  client.write(requests(20_000));
  // Not `once`, which takes the reset for a failure.
  await new Promise((resolve) => client.resume().once('close', resolve));
  assert.ok(waiting.length < 5_000, `${waiting.length} requests were taken`);
  listener.close();
  await once(listener, 'close');
});
