/** A SOCKS5 server (RFC 1928) for a program whose deliveries go to port 25 alone: whatever port it asks for, it is connected to another one of the same host. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Host } from './submission.ts';

export interface SocksServer {
  close(): Promise<void>;
}

export async function startSocks(listen: Host, port: number): Promise<SocksServer> {
  const sockets = new Set<Socket>();
  const watch = (socket: Socket): Socket => {
    sockets.add(socket);
    // Either side may hang up without a word; `pass` ends the other.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    return socket;
  };
  const server: Server = createServer({ allowHalfOpen: true }, (client) => {
    serve(watch(client), (host) => watch(connect({ host, port, allowHalfOpen: true }))).catch(() => client.destroy());
  });
  server.listen(listen.port, listen.host);
  await once(server, 'listening');
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** §3 and §4: a greeting without a login, then CONNECT to an IPv4 address, each in one segment, as its client waits for the answers. */
async function serve(client: Socket, reach: (host: string) => Socket): Promise<void> {
  const [hello] = (await once(client, 'data')) as [Buffer];
  if (hello[0] !== 5) throw new Error('not SOCKS5');
  client.write(Buffer.from([5, 0]));
  const [request] = (await once(client, 'data')) as [Buffer];
  if (request.length !== 10 || request[1] !== 1 || request[3] !== 1) throw new Error('not CONNECT to IPv4');
  const peer = reach(request.subarray(4, 8).join('.'));
  const reached = await once(peer, 'connect').then(
    () => true,
    () => false,
  );
  // §6: 5 is refused.
  client.write(Buffer.from([5, reached ? 0 : 5, 0, 1, 0, 0, 0, 0, 0, 0]));
  if (!reached) {
    client.end();
    return;
  }
  pass(client, peer);
  pass(peer, client);
}

function pass(from: Socket, to: Socket): void {
  from.pipe(to);
  from.on('close', () => to.destroy());
}
