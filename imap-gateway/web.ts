/** Everything that the gateway serves over HTTP: the listener, and who answers which requests. */
import { signProfile } from '#admin/setup/signature.ts';
import { type StatusRooms, supervisorOf } from '#admin/status.ts';
import type { Config } from '#config/config.ts';
import { serversFor } from '#runtime/dns/resolv-conf.ts';
import { createStubResolver } from '#runtime/dns/stub-resolver.ts';
import type { ProgramContext } from '#runtime/service.ts';
import type { Directory } from '#store/directory.ts';
import type { Queue } from '#store/queue.ts';
import type { MailStore } from '#store/store.ts';
import type { ViewCache } from '#store/view-cache.ts';
import type { Authenticator } from './auth/authenticator.ts';
import { examiner } from './http/exchange.ts';
import type { HttpHandler } from './http/handler.ts';
import { HttpListener, type HttpListenerSettings } from './http/listener.ts';
import { startJobs } from './jobs.ts';
import { createPagesHandler } from './pages/handler.ts';
import { startOutbound } from './rest/sending/outbound.ts';
import { createRest, type Rest } from './rest/server.ts';
import type { RestServices } from './rest/services.ts';
import { createSetupHandler } from './setup/handler.ts';

export interface WebRooms {
  readonly store: MailStore;
  readonly directory: Directory;
  readonly queue: Queue;
  readonly views: ViewCache;
  /** Of the shards. */
  readonly usage: StatusRooms['usage'];
}

export interface Web {
  readonly listener: HttpListener;
  /** @param auth as it follows from the changed configuration. */
  reload(config: Config, auth: Authenticator): Promise<void>;
  drain(deadlineMs: number, replaced: boolean): Promise<void>;
}

export async function startWeb(context: ProgramContext, rooms: WebRooms, auth: Authenticator): Promise<Web> {
  const { coordination, clock, random, log, metrics } = context;
  const draining = new AbortController();
  let config = context.config;
  const outbound = startOutbound(context, rooms, () => config);
  const jobs = startJobs(context, rooms, () => config);
  const pages = createPagesHandler();
  const build = async (config: Config, checked: Authenticator): Promise<[HttpListenerSettings, Rest]> => {
    const examine = examiner({ trustedProxies: config.rest.trustedProxies, random });
    const servers = await serversFor(config.dns.servers);
    const rest = await createRest({
      config,
      ...rooms,
      resolver: () => createStubResolver({ servers, clock, random }),
      auth: checked,
      examine,
      coordination,
      clock,
      random,
      log,
      metrics,
      jobs,
      peer: { supervisor: supervisorOf(config.data), usage: rooms.usage, figures: () => context.figures() },
      draining: draining.signal,
    });
    const setup = createSetupHandler({
      config,
      isLocalDomain: (domain) => rooms.directory.isLocalDomain(domain),
      now: () => clock.now(),
      coordination,
      exemptNetworks: config.limits.exemptNetworks,
      signProfile: (profile) =>
        config.tls.certificate === undefined ? undefined : signProfile(profile, context.certificate(), clock.now()),
    });
    return [settings(config, examine, [restHandler(rest), setup, pages]), rest];
  };
  let [current, rest] = await build(context.config, auth);
  const listener = new HttpListener(
    { coordination, clock, random, log, metrics, secureContext: () => context.secureContext() },
    current,
  );
  return {
    listener,
    async reload(changed, checked) {
      config = changed;
      [current, rest] = await build(config, checked);
      listener.configure(current);
    },
    async drain(deadlineMs, replaced) {
      draining.abort();
      // What is in hand ends as the sessions do; what doesn't end in time is done again by the next worker.
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const cancel = clock.after(deadlineMs, resolve);
      const stopped = Promise.race([Promise.all([outbound.stop(), jobs.stop()]), late]).finally(cancel);
      await listener.drain(deadlineMs, replaced);
      await rest.close();
      await stopped;
    },
  };
}

function settings(
  config: Config,
  examine: RestServices['examine'],
  handlers: readonly HttpHandler[],
): HttpListenerSettings {
  const { connectionsPerAddress, exemptNetworks, minimumRate, contentTimeout } = config.limits;
  const https = config.listeners.https[0]?.port;
  return {
    examine,
    handlers,
    hostname: config.hostname,
    ...(https !== undefined && { httpsPort: https }),
    strictTransport: config.tls.certificate !== undefined && https === 443,
    connectionsPerAddress,
    exemptNetworks: [...exemptNetworks, ...config.rest.trustedProxies],
    minimumRate,
    contentTimeout,
  };
}

function restHandler(rest: Rest): HttpHandler {
  return {
    name: 'rest',
    wants: ({ path }) => path === '/api' || path.startsWith('/api/') || path.startsWith('/health/'),
    inClear: ({ path }) => (path.startsWith('/health/') ? 'serve' : 'redirect'),
    handle: (request, response) => rest.handle(request, response),
  };
}
