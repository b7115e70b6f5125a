/** One question to one server, by UDP or TCP. What makes an answer ours is for the caller to say; everything else that arrives is passed over. */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { Endpoint } from '#config/config.ts';
import type { Clock } from '../ambient.ts';
import { DnsFailure } from './resolver.ts';

/** Looks at a message; `undefined` means that it is not the answer. May throw `DnsFailure`. */
export type Accept<T> = (message: Buffer) => T | undefined;

/** A socket of its own for each question, so that the source port is random too (RFC 5452 §9.2), and connected, so that only the server is heard. */
export function askByUdp<T>(
  server: Endpoint,
  query: Buffer,
  clock: Clock,
  timeoutMs: number,
  accept: Accept<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
    let over = false;
    const finish = (settle: () => void): void => {
      if (over) return;
      over = true;
      cancel();
      socket.close();
      settle();
    };
    const cancel = clock.after(timeoutMs, () =>
      finish(() => reject(new DnsFailure('timeout', `no answer from ${server.host}`))),
    );
    const failed = (cause: Error): void =>
      finish(() => reject(new DnsFailure('timeout', `cannot ask ${server.host}`, { cause })));
    socket.on('error', failed);
    socket.on('message', (message) => {
      try {
        const answer = accept(message);
        if (answer !== undefined) finish(() => resolve(answer));
      } catch (error) {
        finish(() => reject(error));
      }
    });
    socket.connect(server.port, server.host, () => {
      socket.send(query, (error) => error && failed(error));
    });
  });
}

export function askByTcp<T>(
  server: Endpoint,
  query: Buffer,
  clock: Clock,
  timeoutMs: number,
  accept: Accept<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server.host, port: server.port });
    const finish = (settle: () => void): void => {
      cancel();
      socket.destroy();
      settle();
    };
    const failed = (cause?: Error): void =>
      finish(() => reject(new DnsFailure('timeout', `no answer by TCP from ${server.host}`, { cause })));
    const cancel = clock.after(timeoutMs, () => failed());
    socket.on('error', failed);
    socket.on('close', () => failed());
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      // RFC 1035 §4.2.2: two octets of length come first.
      if (rest.length < 2 || rest.length < 2 + rest.readUInt16BE(0)) return;
      try {
        const answer = accept(rest.subarray(2, 2 + rest.readUInt16BE(0)));
        if (answer === undefined) throw new DnsFailure('malformed', `${server.host} answered another question`);
        finish(() => resolve(answer));
      } catch (error) {
        finish(() => reject(error));
      }
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
  });
}
