/** Octets over the sockets that a process was dealt, by listener. Those of long sessions are counted while they live. */
import type { Socket } from 'node:net';
import type { Counter, Metrics } from './metrics/metrics.ts';
import type { ListenerName } from './service.ts';

interface Counted {
  readonly in: Counter;
  readonly out: Counter;
  read: number;
  written: number;
}

export class Traffic {
  readonly #metrics: Metrics;
  readonly #sockets = new Map<Socket, Counted>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    metrics.beforeLook(() => {
      for (const [socket, counted] of this.#sockets) count(socket, counted);
    });
  }

  /** The sockets themselves, so that TLS and what nobody read count too. */
  watch(listener: ListenerName, socket: Socket): void {
    const counter = (direction: string): Counter =>
      this.#metrics.counter('connection_bytes_total', { listener, direction });
    const counted = { in: counter('in'), out: counter('out'), read: 0, written: 0 };
    this.#sockets.set(socket, counted);
    socket.once('close', () => {
      count(socket, counted);
      this.#sockets.delete(socket);
    });
  }
}

function count(socket: Socket, counted: Counted): void {
  const { bytesRead, bytesWritten } = socket;
  counted.in.add(Math.max(0, bytesRead - counted.read));
  counted.out.add(Math.max(0, bytesWritten - counted.written));
  counted.read = bytesRead;
  counted.written = bytesWritten;
}
