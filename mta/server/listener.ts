/** Accepts connections of SMTP (25), submission (587) and submissions (465), and serves each until it ends. `main.ts` brings sockets and services together here. */
import type { Config } from '#config/config.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import { networkMatcher } from '#runtime/address.ts';
import { type Connection, ConnectionClosed, type TlsInfo } from '#runtime/connection.ts';
import type { Lease } from '#runtime/coordination.ts';
import { RECEIVER_DEFAULTS, receive } from '#runtime/smtp/receiver.ts';
import type { Login } from '#store/directory.ts';
import { commandTable } from './commands/table.ts';
import { type Figures, figuresFor } from './figures.ts';
import { lookUpHostName } from './host-name.ts';
import { takePlace } from './limits.ts';
import { addressOf, isSubmission, type ListenerKind, type Peer, type SmtpServices } from './services.ts';

/** What the listener needs of a connection beyond a session: `SocketConnection` has it. */
export interface ListenerConnection extends Connection {
  drain(): void;
  implicitTls?(timeoutMs: number): Promise<TlsInfo>;
}

export interface SmtpServer {
  /** Serves one connection; resolves when it has ended. Does not reject. On `submissions` the TLS handshake is done here, unless it was done already. */
  accept(kind: ListenerKind, connection: ListenerConnection): Promise<void>;
  /** For connections that come from now on. */
  reload(config: Config): void;
  /** Resolves when no session is left of those that are here now. */
  idle(): Promise<void>;
  /** Says 421 to everybody as soon as what is in hand is finished; resolves when all have gone. New connections get 421 at once. */
  drain(): Promise<void>;
}

const TLS_TIMEOUT = 30_000;
/**
 * Milliseconds in which those who speak before the greeting give themselves away. Mail clients on submission ports are often hasty and always
 * authenticated, so nobody looks there; nor at exempt networks, whose hosts open connections by the thousand and are no strangers.
 */
const GREETING_PAUSE = 20;

export function createSmtpServer(services: SmtpServices): SmtpServer {
  const { metrics } = services;
  let current: Counted =
    metrics === undefined ? services : { ...services, figures: figuresFor(services.sink, metrics) };
  let isExempt = networkMatcher(services.config.limits.exemptNetworks);
  let draining = false;
  const sessions = new Map<ListenerConnection, Promise<void>>();
  return {
    accept(kind, connection) {
      const exempt = connection.remote === 'unix' || isExempt(connection.remote.address);
      const session = serve(current, kind, connection, exempt).finally(() => sessions.delete(connection));
      sessions.set(connection, session);
      if (draining) connection.drain();
      return session;
    },
    reload(config) {
      current = { ...current, config };
      isExempt = networkMatcher(config.limits.exemptNetworks);
    },
    async idle() {
      await Promise.all(sessions.values());
    },
    async drain() {
      draining = true;
      for (const connection of sessions.keys()) connection.drain();
      await Promise.all(sessions.values());
    },
  };
}

/** Services with the counters of each listener, made once. */
type Counted = SmtpServices & { readonly figures?: (kind: ListenerKind) => Figures };

async function serve(
  services: Counted,
  kind: ListenerKind,
  connection: ListenerConnection,
  exempt: boolean,
): Promise<void> {
  const { config, clock } = services;
  const log = services.log.child({ session: connection.id, listener: kind });
  const figures = services.figures?.(kind);
  const registration = register(services, kind, connection);
  const peer: Peer = {
    kind,
    connection,
    exempt,
    name: nameOf(services, connection),
    loggedIn: (login) => registration.loggedIn(login),
  };
  let place: Lease | undefined;
  try {
    if (kind === 'submissions' && connection.tls === undefined) {
      // Before the handshake, or whoever never begins it would hold any number of connections. There is nobody to say 421 to yet.
      place = await takePlace(services, peer);
      if (place === undefined) return connection.destroy();
      await connection.implicitTls?.(TLS_TIMEOUT);
    }
    const commands = commandTable({ ...services, log, ...(figures && { sink: figures.sink }) }, peer);
    await receive({
      connection,
      commands,
      async greeting(): Promise<Reply> {
        place ??= await takePlace(services, peer);
        if (place === undefined) return reply(421, '7.0', `Too many connections from ${addressOf(peer)}`);
        return reply(220, undefined, `${config.hostname} ESMTP Peerpost`);
      },
      greetingPause: isSubmission(peer) || exempt ? 0 : GREETING_PAUSE,
      limits: { ...config.limits, ...RECEIVER_DEFAULTS },
      clock,
      log,
      ...(figures && { replied: figures.replied(commands) }),
    });
  } catch (error) {
    // Only the handshake can fail here; the engine keeps its own trouble to itself.
    if (!(error instanceof ConnectionClosed)) log.error({ err: error }, 'a connection failed');
    connection.destroy();
  } finally {
    place?.release();
    registration.end();
  }
}

function nameOf(services: SmtpServices, connection: Connection): () => string | undefined {
  if (connection.remote === 'unix' || connection.loopback) return () => undefined;
  return lookUpHostName(services.resolver, connection.remote.address);
}

/** Shows the session in `status`, as soon as coordination hears of it; nobody waits for that. */
function register(
  services: SmtpServices,
  protocol: ListenerKind,
  connection: ListenerConnection,
): { loggedIn(login: Login): void; end(): void } {
  const { coordination, clock, log } = services;
  const remote = connection.remote === 'unix' ? 'unix' : connection.remote.address;
  const info = { id: connection.id, program: 'mta', protocol, remote, since: clock.now() };
  let ended = false;
  let lease: Lease | undefined;
  const tell = (login: string | undefined): void => {
    coordination
      .session(login === undefined ? info : { ...info, login }, () => connection.drain())
      .then(
        (made) => {
          lease?.release();
          lease = made;
          if (ended) made.release();
        },
        (error: unknown) => log.warn({ session: connection.id, err: error }, 'a session could not be registered'),
      );
  };
  tell(undefined);
  return {
    loggedIn: (login) => tell(login.address),
    end() {
      ended = true;
      lease?.release();
    },
  };
}
