/** A SOCKS5 proxy (RFC 1928) for clients that are to meet the names of a trial: it knows where each leads to, and refuses all others. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface Socks {
  readonly port: number;
  /** `name:port` of everything that was asked for, the refused too, in order. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

export async function startSocks(resolve: (name: string, port: number) => Target | undefined): Promise<Socks> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket)));
    return socket;
  };
  const server = createServer((client) => {
    keep(client);
    const find = (name: string, port: number) => {
      asked.push(`${name}:${port}`);
      return resolve(name, port);
    };
    void serve(client, find, keep).catch(() => client.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function serve(
  client: Socket,
  find: (name: string, port: number) => Target | undefined,
  keep: (socket: Socket) => Socket,
): Promise<void> {
  const [, methods = 0] = await read(client, 2);
  await read(client, methods);
  client.write(Buffer.from([5, 0]));
  // VER CMD RSV ATYP; only names come, as the client is told to leave resolving to us.
  const [, command, , type] = await read(client, 4);
  const length = type === 3 ? ((await read(client, 1))[0] ?? 0) : type === 1 ? 4 : 16;
  const name = (await read(client, length)).toString('latin1');
  const port = (await read(client, 2)).readUInt16BE();
  const target = command === 1 && type === 3 ? find(name.toLowerCase(), port) : undefined;
  // 4: host unreachable.
  const reply = (code: number) => client.write(Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]));
  if (target === undefined) {
    reply(4);
    client.end();
    return;
  }
  const server = keep(connect(target));
  await once(server, 'connect');
  reply(0);
  client.pipe(server).pipe(client);
  client.on('close', () => server.destroy());
  server.on('close', () => client.destroy());
}

/** Exactly so many octets; throws when the client has gone. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  for (;;) {
    const octets = socket.read(length) as Buffer | null;
    if (octets !== null && octets.length === length) return octets;
    if (octets !== null || socket.readableEnded || socket.destroyed) throw new Error('the client has gone');
    await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
  }
}
