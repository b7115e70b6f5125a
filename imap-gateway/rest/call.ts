/**
 * The operations of REST without HTTP, for commands: the same declarations run on the same stores, with the same input checked and the same answers. Whoever calls
 * has the data folder, and so may do anything: nobody is asked who he is, and nothing is counted.
 */
import { Clean } from 'typebox/value';
import type { Config } from '#config/config.ts';
import { MailError } from '#mail/failure.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { findAccount } from '#store/accounts.ts';
import type { Directory, TokenScope } from '#store/directory.ts';
import type { Queue } from '#store/queue.ts';
import type { MailStore } from '#store/store.ts';
import { ViewCache } from '#store/view-cache.ts';
import { createAuthenticator } from '../auth/authenticator.ts';
import { type Exchange, examiner } from '../http/exchange.ts';
import { accessOf, type Caller, isAccountScope, scopeSet } from './callers.ts';
import { Content, type ContentOptions } from './content.ts';
import { HttpProblem } from './problems.ts';
import type { Route, RouteRequest, Upload } from './route.ts';
import { allRoutes } from './routes.ts';
import type { RestServices } from './services.ts';
import { inputCheck } from './validation.ts';

export interface CallRooms {
  readonly config: Config;
  readonly store: MailStore;
  readonly directory: Directory;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** As a client would send it, in words of the operation's declaration. */
export interface Input {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly upload?: Upload;
}

export interface Operations {
  /**
   * Runs an operation for the account of this address. JSON comes parsed, nothing as `undefined`, anything else as its `ContentOptions`.
   * @throws MailError, HttpProblem as over HTTP.
   */
  call(operation: string, address: string, input?: Input): Promise<unknown>;
  close(): Promise<void>;
}

const ALL: readonly TokenScope[] = ['mail:read', 'mail:write', 'send', 'account', 'admin'];

export function openOperations(rooms: CallRooms): Operations {
  const services = servicesOf(rooms);
  return {
    async call(operation, address, input = {}) {
      const route = allRoutes.find(({ operationId }) => operationId === operation);
      if (route === undefined) throw new Error(`there is no operation ${operation}`);
      const result = await route.run(requestOf(services, route, await callerOf(rooms, address), input));
      return result instanceof Content ? contentOf(result) : cleaned(route, result);
    },
    close: () => services.views.close(),
  };
}

function servicesOf({ config, ...rooms }: CallRooms): RestServices {
  const { clock, random, log, store } = rooms;
  const coordination = new LocalCoordination(clock);
  const { authFailuresPerMinute: failuresPerMinute, exemptNetworks } = config.limits;
  return {
    ...rooms,
    config,
    coordination,
    views: new ViewCache({ store, clock, log }),
    auth: createAuthenticator({ ...rooms, use: 'rest', coordination, failuresPerMinute, exemptNetworks }),
    examine: examiner({ trustedProxies: [], random }),
    draining: new AbortController().signal,
  };
}

async function callerOf({ directory }: CallRooms, text: string): Promise<Caller> {
  const account = await findAccount(directory, text);
  if (account === undefined) throw new MailError('no-such-account', `there is no account ${text}`);
  const { id, address, secondFactor = false } = account;
  return { actor: 'cli', account: { id, address, admin: true, secondFactor }, scopes: scopeSet(ALL), how: 'token' };
}

function requestOf(services: RestServices, route: Route, caller: Caller, input: Input): Parameters<Route['run']>[0] {
  const checked = (where: 'params' | 'query' | 'body', value: unknown): unknown => {
    const schema = route[where];
    return schema === undefined ? undefined : inputCheck(where, schema)(value ?? {});
  };
  const request: Omit<RouteRequest, 'params' | 'query' | 'body' | 'access' | 'caller'> = {
    upload: input.upload,
    services,
    log: services.log,
    exchange: EXCHANGE,
    method: route.method,
    headers: {},
    head: { status: () => undefined, header: () => undefined },
    signal: new AbortController().signal,
    etag: () => undefined,
  };
  return {
    ...request,
    params: checked('params', input.params) as never,
    query: checked('query', input.query) as never,
    body: (input.upload === undefined ? checked('body', input.body) : undefined) as never,
    access: (isAccountScope(route.scope) ? accessOf(caller) : undefined) as never,
    caller,
  };
}

const EXCHANGE: Exchange = { id: 'cli', remote: 'unix', secure: true, https: false, host: '', path: '/', query: '' };

/** Only what the schema declares, as over HTTP. */
function cleaned({ response }: Route, result: unknown): unknown {
  return response === undefined ? undefined : Clean(response, structuredClone(result));
}

async function contentOf({ options }: Content): Promise<unknown> {
  const { type, body } = options;
  if (!type.startsWith('application/json')) return options;
  const pieces: Uint8Array[] = [];
  for await (const piece of typeof body === 'string' || body instanceof Uint8Array ? [body] : body)
    pieces.push(Buffer.from(piece));
  return JSON.parse(Buffer.concat(pieces).toString());
}

export { type ContentOptions, HttpProblem };
