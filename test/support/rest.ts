/** REST over backends in memory: alice, bob and an admin, each with a token of every scope; requests without sockets. */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '#config/parse.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { createAccount } from '#store/accounts.ts';
import { hashToken, newToken } from '#store/app-password.ts';
import type { Directory, Token, TokenScope } from '#store/directory.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryQueue } from '#store/memory/queue.ts';
import { MemoryStore } from '#store/memory/store.ts';
import type { Queue } from '#store/queue.ts';
import { makeSecret } from '#store/secret.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, AccountId } from '#store/types.ts';
import { ViewCache } from '#store/view-cache.ts';
import { JobBook } from '#transfer/jobs/book.ts';
import { JobFiles } from '#transfer/jobs/files.ts';
import { createAuthenticator } from '../../imap-gateway/auth/authenticator.ts';
import { examiner } from '../../imap-gateway/http/exchange.ts';
import { createRest, type Rest } from '../../imap-gateway/rest/server.ts';
import type { RestServices } from '../../imap-gateway/rest/services.ts';
import { FakeClock } from './clock.ts';
import { type LogEntry, recordingLog } from './log.ts';
import { fakeRandom } from './random.ts';

export interface RestUser {
  readonly address: string;
  readonly password: string;
  readonly id: AccountId;
  readonly access: Access;
  /** Of all scopes that the user may have. */
  readonly token: string;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly text: string;
  readonly bytes: Buffer;
  /** The parsed body; throws where it is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at any shape.
  readonly json: any;
}

export interface Ask {
  readonly query?: Readonly<Record<string, string>>;
  /** An object goes as JSON; text and bytes go as they are, with `type`. */
  readonly body?: object | string | Uint8Array;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where it comes from; by default this host. */
  readonly remote?: string;
}

export interface RestWorld {
  readonly rest: Rest;
  readonly services: RestServices;
  readonly store: MailStore;
  readonly directory: Directory;
  readonly queue: Queue;
  readonly clock: FakeClock;
  readonly log: readonly LogEntry[];
  readonly alice: RestUser;
  readonly bob: RestUser;
  readonly admin: RestUser;
  /** `ask(alice, 'GET', '/account')`: paths count from `/api/v1`, or from the root with a leading `//`. Without a user nobody asks. */
  ask(user: RestUser | string | undefined, method: string, path: string, options?: Ask): Promise<RestAnswer>;
  /** A fresh token's text. */
  token(token: Partial<Token> & { readonly scopes: readonly TokenScope[] }): Promise<string>;
  close(): Promise<void>;
}

export interface RestWorldOptions {
  /** Lines of configuration besides the hostname. */
  readonly config?: string;
  readonly services?: (services: RestServices) => RestServices;
}

let worlds = 0;
/** Argon2 takes its time: computed once for all tests of a file. */
const secrets = new Map<string, ReturnType<typeof makeSecret>>();

export async function restWorld(options: RestWorldOptions = {}): Promise<RestWorld> {
  const clock = new FakeClock();
  const random = fakeRandom();
  const log = recordingLog();
  const store = new MemoryStore({ clock, random });
  const directory = createMemoryDirectory({ clock });
  const config = parseConfig(`hostname = "mail.alpha.test"\n${options.config ?? ''}`, {
    file: '/tmp/p.toml',
    cores: 1,
  });
  const coordination = new LocalCoordination(clock);
  const { authFailuresPerMinute, exemptNetworks } = config.limits;
  const auth = createAuthenticator({
    use: 'rest',
    directory,
    coordination,
    clock,
    random,
    log,
    failuresPerMinute: authFailuresPerMinute,
    exemptNetworks,
  });
  const views = new ViewCache({ store, clock, log });
  const queue = new MemoryQueue({ clock });
  const draining = new AbortController();
  // Made when something is put into it.
  const folder = join(tmpdir(), `rest-world-${process.pid}-${++worlds}`);
  const files = new JobFiles({ folder, clock, hasRoom: async () => true });
  const book = new JobBook({ store, directory, coordination, clock, random });
  const plain: RestServices = {
    config,
    store,
    directory,
    queue,
    views,
    auth,
    examine: examiner({ trustedProxies: config.rest.trustedProxies, random }),
    coordination,
    clock,
    random,
    log,
    // Nobody does them.
    jobs: { book, files, begin: () => undefined },
    draining: draining.signal,
  };
  const services = options.services?.(plain) ?? plain;
  const rest = await createRest(services);
  await directory.change({ type: 'add-domain', name: 'alpha.test' });

  let made = 0;
  const token: RestWorld['token'] = async (wanted) => {
    const text = newToken(random);
    const id = `token${++made}`;
    await directory.change({
      type: 'add-token',
      token: { id, name: id, kind: 'api', ...wanted },
      hash: hashToken(text) as Uint8Array,
    });
    return text;
  };
  const user = async (name: string): Promise<RestUser> => {
    const address = `${name}@alpha.test`;
    const password = `secret of ${name}`;
    const secret = secrets.get(password) ?? makeSecret(password);
    secrets.set(password, secret);
    const id = await createAccount({ directory, store, random, shards: 1, quota: 0 }, address, await secret);
    const all: TokenScope[] = ['mail:read', 'mail:write', 'send', 'account'];
    if (name === 'admin') {
      await directory.change({ type: 'set-admin', id, admin: true });
      all.push('admin');
    }
    const access = { owner: id, viewer: id };
    return { address, password, id, access, token: await token({ account: id, scopes: all }) };
  };
  return {
    rest,
    services,
    store,
    directory,
    queue,
    clock,
    log: log.entries,
    alice: await user('alice'),
    bob: await user('bob'),
    admin: await user('admin'),
    token,
    ask: (who, method, path, ask = {}) => request(rest, who, method, path, ask),
    async close() {
      draining.abort();
      await rest.close();
      await views.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function request(
  rest: Rest,
  who: RestUser | string | undefined,
  method: string,
  path: string,
  { query, body, type, headers, remote }: Ask,
): Promise<RestAnswer> {
  const token = typeof who === 'object' ? who.token : who;
  const raw = typeof body === 'string' || body instanceof Uint8Array;
  const mediaType = type ?? (raw ? 'application/octet-stream' : 'application/json');
  const answer = await rest.inject({
    method: method as 'GET',
    url: path.startsWith('//') ? path.slice(1) : `/api/v1${path}`,
    ...(query && { query: { ...query } }),
    ...(body !== undefined && { payload: typeof body === 'string' || raw ? Buffer.from(body as string) : body }),
    remoteAddress: remote ?? '127.0.0.1',
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': mediaType }),
      ...headers,
    },
  });
  return {
    status: answer.statusCode,
    headers: answer.headers,
    text: answer.payload,
    bytes: answer.rawPayload,
    get json() {
      return JSON.parse(answer.payload);
    },
  };
}
