/** Binds one listening socket, and says what to do when that can't be. */
import { once } from 'node:events';
import { chownSync, lstatSync, rmSync } from 'node:fs';
import { connect, createServer, isIPv6, type ListenOptions, type Server, type Socket } from 'node:net';
import type { Identity } from './identity.ts';
import type { Place } from './layout.ts';

const BACKLOG = 1024;

/** One line: what can't be bound, why, and the way out. */
export class BindError extends Error {
  override readonly name = 'BindError';
}

export async function bind(
  place: Pick<Place, 'name' | 'at'>,
  owner: Identity | undefined,
  accepted: (socket: Socket) => void,
): Promise<Server> {
  const { at } = place;
  if ('path' in at) await clearStale(place.name, at.path);
  // Nothing is read here: a worker gets the socket with every byte still to come.
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, accepted);
  try {
    listen(server, at);
    await once(server, 'listening');
    if ('path' in at && owner !== undefined) chownSync(at.path, owner.uid, owner.gid);
  } catch (error) {
    server.close();
    throw explain(place, error as NodeJS.ErrnoException);
  }
  return server;
}

function listen(server: Server, at: Place['at']): void {
  if ('path' in at) {
    // The socket is made in this call, so the mask never leaves it open to others, not even for a moment.
    const before = process.umask(0o177);
    try {
      server.listen({ path: at.path, backlog: BACKLOG });
    } finally {
      process.umask(before);
    }
    return;
  }
  const options: ListenOptions = { port: at.port, backlog: BACKLOG };
  // Without a host Node listens on :: for both families, or on 0.0.0.0 where there is no IPv6.
  if (at.host !== '*') Object.assign(options, { host: at.host, ipv6Only: isIPv6(at.host) });
  server.listen(options);
}

/** A socket's file outlives its process: it goes, unless somebody answers there. */
async function clearStale(name: string, path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket())
    throw new BindError(`${path} (${name}) is in the way and is no socket: move it, or choose another path`);
  if (await answers(path)) {
    throw new BindError(`${path} (${name}) is taken by another program: stop it, or choose another path`);
  }
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function explain({ name, at }: Pick<Place, 'name' | 'at'>, error: NodeJS.ErrnoException): BindError {
  const where = 'path' in at ? at.path : `${isIPv6(at.host) ? `[${at.host}]` : at.host}:${at.port}`;
  const key = name === 'lmtp-unix' ? 'lmtp-unix' : name;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port is taken by another program: stop it (\`ss -ltnp\` shows which it is), or change listeners.${key}`,
    EACCES: `not permitted: ports below 1024 need root (the programs then run as \`user\`), or use a port base (\`peerpost init --port-base 10000\`)`,
    EADDRNOTAVAIL: `this host has no such address: add it, or change listeners.${key}`,
    EAFNOSUPPORT: `this host has no such kind of address: change listeners.${key}`,
  };
  const reason = reasons[error.code ?? ''] ?? error.message;
  return new BindError(`cannot listen on ${where} (${name}): ${reason}`, { cause: error });
}
