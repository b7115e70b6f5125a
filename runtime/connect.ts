/** Opens connections as a client: for delivery to other hosts, for LMTP, and for tests. */
import { type NetConnectOpts, connect as netConnect } from 'node:net';
import { ConnectionClosed } from './connection.ts';
import { SocketConnection, type SocketConnectionOptions } from './socket-connection.ts';

export type Target =
  | { readonly host: string; readonly port: number; readonly localAddress?: string }
  | { readonly path: string };

/** Rejects with `ConnectionClosed` (`deadline` when nobody answered in time, else `error` with its cause). `host` should be an address: names are not looked up here. */
export function connect(
  target: Target,
  timeoutMs: number,
  options: SocketConnectionOptions,
): Promise<SocketConnection> {
  return new Promise((resolve, reject) => {
    const socket = netConnect({ ...target, allowHalfOpen: true } as NetConnectOpts);
    const cancel = options.clock.after(timeoutMs, () => {
      socket.destroy();
      reject(new ConnectionClosed('deadline'));
    });
    const failed = (cause: Error): void => {
      cancel();
      reject(new ConnectionClosed('error', { cause }));
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      cancel();
      socket.off('error', failed);
      resolve(new SocketConnection(socket, options));
    });
  });
}
