/** The listener `metrics`: a few lines of HTTP over connections that the supervisor dealt us. It has no secrets, and listens on loopback by default. */
import { createServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../ambient.ts';
import { CONTENT_TYPE } from './text.ts';

/** For one connection: Node watches over slow requests only on servers that listen themselves. */
const CONNECTION_MS = 15_000;
const MAX_CONNECTIONS = 32;

export interface MetricsEndpoint {
  accept(socket: Socket): void;
  close(): void;
}

/** @param text all figures, as `metricsText` has them. */
export function createMetricsEndpoint(text: () => Promise<string>, clock: Clock): MetricsEndpoint {
  const sockets = new Set<Socket>();
  const server = createServer({ maxHeaderSize: 16_384 }, (request, response) => {
    const [path] = (request.url ?? '').split('?');
    if (path !== '/metrics') return answer(response, 404, 'There is only /metrics here\n');
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, 'Only GET\n');
    text().then(
      (body) => answer(response, 200, body, CONTENT_TYPE),
      () => answer(response, 503, 'The figures cannot be collected now\n'),
    );
  });
  return {
    accept(socket) {
      if (sockets.size >= MAX_CONNECTIONS) {
        socket.destroy();
        return;
      }
      sockets.add(socket);
      const cancel = clock.after(CONNECTION_MS, () => socket.destroy());
      socket.once('close', () => {
        cancel();
        sockets.delete(socket);
      });
      server.emit('connection', socket);
      socket.resume();
    },
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function answer(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    connection: 'close',
  });
  response.end(body);
}
