/** REST as a fastify application over services: it has no sockets of its own, requests are given to `handle` (or, in tests, to `inject`). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type InjectOptions,
  type LightMyRequestResponse,
} from 'fastify';
import type { TObject, TSchema } from 'typebox';
import type { Log } from '#runtime/ambient.ts';
import { NotModified, sendProblem, sendResult } from './answer.ts';
import { challenge } from './auth/challenge.ts';
import { identify } from './auth/identify.ts';
import { accessOf, type Caller, isAccountScope, permit, type Scope } from './callers.ts';
import { allowOrigins } from './cors.ts';
import { operationCounter } from './figures.ts';
import { HeldBodies, SMALL } from './held.ts';
import { type RateLimit, rateLimit } from './limits.ts';
import { checkPreconditions } from './preconditions.ts';
import { HttpProblem, problemOf } from './problems.ts';
import { METHODS, type Route, type RouteRequest } from './route.ts';
import { allRoutes as routes } from './routes.ts';
import type { RestServices } from './services.ts';
import { uploadOf } from './upload.ts';
import { type Check, inputCheck } from './validation.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its operation id. */
    operation?: string;
  }
}

export interface Rest {
  readonly routes: readonly Route[];
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** A request without a socket. */
  inject(options: InjectOptions): Promise<LightMyRequestResponse>;
  close(): Promise<void>;
}

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
};
const JSON_LIMIT = 1_048_576;

function bodyLimit({ limit }: Pick<Route, 'limit'>, messageSize: number): number {
  if (limit === 'disk') return Number.MAX_SAFE_INTEGER;
  // What base64 and the JSON around it add to a message.
  return limit === 'message' ? Math.ceil((messageSize * 4) / 3) + JSON_LIMIT : JSON_LIMIT;
}

/** Built anew for a changed configuration: requests in hand finish on the one that they began on. */
export async function createRest(services: RestServices): Promise<Rest> {
  const { examine } = services;
  const app = fastify({
    logger: false,
    bodyLimit: JSON_LIMIT,
    exposeHeadRoutes: false,
    forceCloseConnections: false,
    return503OnClosing: false,
    genReqId: (raw) => examine(raw as IncomingMessage).id,
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: (error, request, reply) => void fail(services, error, request, reply),
  });
  app.removeContentTypeParser('text/plain');
  // Whatever is no JSON reaches the route as it comes.
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.setErrorHandler((error, request, reply) => fail(services, error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    fail(services, new HttpProblem('not-found', 'There is nothing at this path'), request, reply),
  );
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).headers(HEADERS);
    done();
  });
  allowOrigins(app, services.config.rest.corsOrigins);
  const count = operationCounter(services.metrics);
  app.addHook('onResponse', (request, reply, done) => {
    count(request.routeOptions.config.operation ?? 'unknown', reply.statusCode);
    done();
  });
  const limit = rateLimit(services);
  const held = heldBodies(services);
  for (const route of routes) addRoute(app, services, { limitRate: limit, held }, route);
  refuseOtherMethods(app, routes);
  // What people type to find out what there is.
  for (const path of ['/api', '/api/', '/api/docs/']) {
    app.get(path, (_request, reply) => reply.redirect('/api/docs', 307));
  }
  await app.ready();
  return {
    routes,
    handle: (request, response) => app.routing(request, response),
    inject: (options) => app.inject(options),
    close: () => app.close(),
  };
}

/** One of the largest for any account, and room for another account's beside it. */
function heldBodies({ clock, config }: RestServices): HeldBodies {
  const mostEach = Math.max(bodyLimit({ limit: 'message' }, config.limits.messageSize), 16 * SMALL);
  return new HeldBodies({ clock, mostEach, most: 2 * mostEach });
}

interface Guards {
  readonly limitRate: RateLimit;
  readonly held: HeldBodies;
}

function addRoute(app: FastifyInstance, services: RestServices, { limitRate, held }: Guards, route: Route): void {
  const { examine } = services;
  const checks = inputChecks(route);
  const limit = bodyLimit(route, services.config.limits.messageSize);
  const callers = new WeakMap<FastifyRequest, Caller>();
  app.route({
    method: route.method === 'GET' ? ['GET', 'HEAD'] : route.method,
    url: fastifyPath(route.path),
    bodyLimit: limit,
    config: { operation: route.operationId },
    ...(route.response && { schema: { response: { '2xx': route.response } } }),
    // Before the body is read: who may not do this can't make us read anything.
    async onRequest(request, reply) {
      const exchange = examine(request.raw);
      const caller = route.scope === 'none' ? undefined : await identify(services, exchange, request.raw);
      await limitRate(exchange, caller);
      permit(caller, route.scope);
      if (caller === undefined) return;
      callers.set(request, caller);
      exchange.loggedIn?.(caller.account?.address ?? caller.actor);
      if (route.body !== undefined && limit > JSON_LIMIT) await holdBody(held, request, reply, caller, limit);
    },
    async handler(request, reply) {
      const caller = callers.get(request);
      const exchange = examine(request.raw);
      let log: Log | undefined;
      const logged = (): Log =>
        (log ??= services.log.child({ request: request.id, ...(caller && { actor: caller.actor }) }));
      const { upload, body } = bodyOf(route, checks, request, limit);
      const asked: RouteRequest<Scope, TObject, TObject, TSchema> = {
        params: checks.params?.(request.params) as never,
        query: checks.query(exchange.query, request.query) as never,
        body: body as never,
        access: (isAccountScope(route.scope) ? accessOf(caller) : undefined) as never,
        caller: caller as never,
        upload,
        services,
        get log() {
          return logged();
        },
        exchange,
        method: request.method,
        headers: request.headers,
        head: { status: (code) => void reply.code(code), header: (name, value) => void reply.header(name, value) },
        get signal() {
          return goneSignal(reply);
        },
        etag(tag) {
          reply.headers({ etag: tag, 'cache-control': 'private, no-cache' });
          checkPreconditions(tag, request.method, request.headers);
        },
      };
      return sendResult(route, reply, request.method, await route.run(asked), logged);
    },
  });
}

/** Such a body will be in memory whole: it is not read before there is room. */
async function holdBody(
  held: HeldBodies,
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { actor }: Caller,
  limit: number,
): Promise<void> {
  const length = Number(headers['content-length'] ?? limit);
  // What is too large is refused without being read.
  if (!(length > SMALL && length <= limit)) return;
  const give = await held.take(actor, length, goneSignal(reply));
  if (reply.raw.destroyed) give();
  reply.raw.once('close', give);
}

interface Checks {
  readonly params?: Check;
  /** @param text the query as it was sent. */
  readonly query: (text: string, value: unknown) => unknown;
  readonly body?: Check;
}

const NOTHING: TSchema = { type: 'object', properties: {} };

function inputChecks(route: Route): Checks {
  return {
    ...(route.params && { params: inputCheck('params', route.params) }),
    query: remembering(inputCheck('query', route.query ?? NOTHING)),
    ...(route.body && { body: inputCheck('body', route.body) }),
  };
}

/** Programs ask the same again and again: what became of their last queries is kept. */
function remembering(check: Check): Checks['query'] {
  const known = new Map<string, unknown>();
  return (text, value) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const checked = check(value);
    if (known.size >= QUERIES) known.clear();
    if (text.length <= QUERY_LENGTH) known.set(text, Object.freeze(checked));
    return checked;
  };
}

/** Of each route. */
const QUERIES = 100;
const QUERY_LENGTH = 200;

function bodyOf(
  route: Route,
  checks: Checks,
  request: FastifyRequest,
  limit: number,
): { readonly upload: RouteRequest['upload']; readonly body: unknown } {
  const { body, raw } = request;
  if ((body as unknown) === raw) {
    return { upload: uploadOf(request.headers, raw, route, limit), body: undefined };
  }
  if (checks.body !== undefined) return { upload: undefined, body: checks.body(body ?? {}) };
  if (route.consumes !== undefined) return { upload: uploadOf(request.headers, raw, route, limit), body };
  return { upload: undefined, body: undefined };
}

function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  if (reply.raw.destroyed) gone.abort();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  // Who closes its sending half may wait for an answer, but not for one without end: most have gone altogether.
  reply.raw.socket?.once('end', () => gone.abort());
  return gone.signal;
}

function fail(services: RestServices, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof NotModified) return reply.code(304).send();
  const answer = problemOf(error, request.id, `https://${services.config.hostname}/api/problems`);
  if (answer.fault) {
    const route = request.routeOptions?.url;
    services.log.error({ request: request.id, method: request.method, route, err: error }, 'a request failed');
  }
  if (answer.problem.status !== 401) return sendProblem(reply, answer);
  const asked = challenge(answer.headers['www-authenticate'], request.headers, services.examine(request.raw).secure);
  return sendProblem(reply, { ...answer, headers: { ...answer.headers, 'www-authenticate': asked } });
}

/** RFC 9110 §15.5.6: what exists, but not for this method, says for which. */
function refuseOtherMethods(app: FastifyInstance, routes: readonly Route[]): void {
  for (const path of new Set(routes.map((route) => route.path))) {
    const known = new Set<string>(routes.filter((route) => route.path === path).map(({ method }) => method));
    if (known.has('GET')) known.add('HEAD');
    const allow = [...known].join(', ');
    app.route({
      method: [...METHODS, 'HEAD'].filter((method) => !known.has(method)),
      url: fastifyPath(path),
      // Before a body is looked at.
      async onRequest() {
        throw new HttpProblem('method-not-allowed', `Only ${allow} here`, { headers: { allow } });
      },
      handler: async () => undefined,
    });
  }
}

function fastifyPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}
