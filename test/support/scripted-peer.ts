/** A peer that says what a test wants, on loopback: for misbehaviour that no real server shows. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** What the peer does with one connection: `expect` waits for a pattern in what came in, and forgets everything up to its end. */
export interface Scene {
  readonly socket: Socket;
  readonly index: number;
  say(text: string): void;
  expect(pattern: RegExp): Promise<RegExpExecArray>;
  /** Waits for that many octets and forgets them. */
  take(octets: number): Promise<void>;
  /** Drops the connection, with a reset where there is TCP. */
  reset(): void;
}

export interface ScriptedPeer {
  readonly port: number;
  /** How many connections there have been. */
  readonly connections: number;
  close(): Promise<void>;
}

export interface PeerPlace {
  /** Loopback addresses to listen on, all with one port. */
  readonly hosts?: readonly string[];
  /** Any free one when not given. */
  readonly port?: number;
  /** A Unix socket instead. */
  readonly path?: string;
}

/** `act` runs for each connection; when it returns the peer closes its side. A script that fails closes at once and fails `close()`. */
export async function scriptedPeer(act: (scene: Scene) => Promise<void>, place: PeerPlace = {}): Promise<ScriptedPeer> {
  const sockets = new Set<Socket>();
  let failure: unknown;
  let connections = 0;
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const scene = makeScene(socket, connections++);
    act(scene).then(
      () => socket.end(),
      (error: unknown) => {
        if (!(error instanceof HungUp)) failure ??= error;
        socket.destroy();
      },
    );
  };
  const { servers, port } = await listen(serve, place);
  return {
    port,
    get connections() {
      return connections;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map(stop));
      if (failure !== undefined) throw failure;
    },
  };
}

async function listen(serve: (socket: Socket) => void, place: PeerPlace): Promise<{ servers: Server[]; port: number }> {
  if (place.path !== undefined) {
    const server = createServer(serve).listen(place.path);
    await once(server, 'listening');
    return { servers: [server], port: 0 };
  }
  const hosts = place.hosts ?? ['127.0.0.1'];
  for (;;) {
    const servers: Server[] = [];
    try {
      let port = place.port ?? 0;
      for (const host of hosts) {
        const server = createServer(serve).listen(port, host);
        await once(server, 'listening');
        servers.push(server);
        port = (server.address() as AddressInfo).port;
      }
      return { servers, port };
    } catch (error) {
      await Promise.all(servers.map(stop));
      // The port that one address gave may be taken on another: the next one then.
      if (place.port !== undefined || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

async function stop(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

/** A step of a script: a pattern to wait for, words to say (CRLF is added), or `reset`. */
export type Step = RegExp | string;

/** Plays steps in order: `play(/EHLO/, '250 ok', 'reset')`. */
export function play(...steps: Step[]): (scene: Scene) => Promise<void> {
  return async (scene) => {
    for (const step of steps) {
      if (typeof step !== 'string') await scene.expect(step);
      else if (step === 'reset') scene.reset();
      else scene.say(`${step}\r\n`);
    }
  };
}

/** The server's side of a usual beginning; `extensions` follow the name in the answer to EHLO or LHLO. */
export function greet(
  extensions: readonly string[],
  then: (scene: Scene) => Promise<void>,
): (scene: Scene) => Promise<void> {
  const lines = ['peer.test', ...extensions];
  const answer = lines.map((line, i) => `250${i === lines.length - 1 ? ' ' : '-'}${line}`).join('\r\n');
  return async (scene) => {
    await play('220 peer.test ready', /(EHLO|LHLO) .*\r\n/, answer)(scene);
    await then(scene);
  };
}

class HungUp extends Error {}

function makeScene(socket: Socket, index: number): Scene {
  let text = '';
  let gone = false;
  let wake: () => void = () => undefined;
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    wake();
  });
  socket.on('close', () => {
    gone = true;
    wake();
  });
  const more = async (): Promise<void> => {
    if (gone) throw new HungUp();
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  };
  return {
    socket,
    index,
    say: (words) => void socket.write(words),
    async expect(pattern) {
      for (;;) {
        const match = pattern.exec(text);
        if (match !== null) {
          text = text.slice(match.index + match[0].length);
          return match;
        }
        await more();
      }
    },
    async take(octets) {
      while (text.length < octets) await more();
      text = text.slice(octets);
    },
    reset: () => (socket.remoteAddress === undefined ? socket.destroy() : socket.resetAndDestroy()),
  };
}
