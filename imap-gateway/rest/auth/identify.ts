/** From a request to its caller: a Bearer token (RFC 6750), Basic (RFC 7617), or the cookie of a session. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { MailError } from '#mail/failure.ts';
import { networkMatcher } from '#runtime/address.ts';
import { hashToken } from '#store/app-password.ts';
import type { Token } from '#store/directory.ts';
import type { AccountId } from '#store/types.ts';
import type { Exchange } from '../../http/exchange.ts';
import { type Caller, passwordScopes, scopeSet } from '../callers.ts';
import { HttpProblem } from '../problems.ts';
import type { RestServices } from '../services.ts';
import { isCsrfToken, sessionToken } from './cookie.ts';

type Asking = Pick<IncomingMessage, 'method' | 'headers' | 'socket'>;

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * `undefined` for who brings no credentials; wrong ones throw.
 * @throws HttpProblem 401, 403 (in the clear, CSRF, network), MailError `limit-exceeded` after too many wrong ones.
 */
export async function identify(
  services: RestServices,
  exchange: Exchange,
  { method = 'GET', headers, socket }: Asking,
): Promise<Caller | undefined> {
  const { authorization } = headers;
  if (authorization !== undefined) {
    if (!exchange.secure) throw new HttpProblem('not-permitted', 'Credentials are accepted over TLS only');
    const [, scheme = '', value = ''] = /^(\S+) +(\S+) *$/.exec(authorization) ?? [];
    if (scheme.toLowerCase() === 'bearer') return bearer(services, exchange, value, socket);
    if (scheme.toLowerCase() === 'basic') {
      if (!SAFE.has(method) && isForeignPage(services, headers)) {
        throw new HttpProblem('not-permitted', 'Another site’s page may change nothing with a password');
      }
      return basic(services, exchange, value);
    }
    throw new HttpProblem('bad-credentials', 'Only Bearer and Basic authentication are known here');
  }
  const cookie = exchange.secure ? sessionToken(headers.cookie, exchange.https) : undefined;
  if (cookie === undefined) return undefined;
  const token = await tokenOf(services, cookie);
  // An old cookie is as good as none: pages ask who they are with it.
  if (token === undefined || token.kind !== 'session') return undefined;
  const csrf = headers['x-csrf-token'];
  if (!SAFE.has(method) && !isCsrfToken(typeof csrf === 'string' ? csrf : undefined, cookie)) {
    throw new HttpProblem('not-permitted', 'The header X-CSRF-Token is missing or wrong');
  }
  return callerOf(services, exchange, token, 'session');
}

/** The token that a connection has shown last, and that was good. Whether it still is, the directory is asked each time. */
const shown = new WeakMap<object, { readonly text: string; readonly hash: Uint8Array }>();

async function bearer(services: RestServices, exchange: Exchange, text: string, socket: object): Promise<Caller> {
  const { remote } = exchange;
  const before = shown.get(socket);
  const known = before?.text === text ? before : undefined;
  // Who shows again what was right doesn't guess.
  if (known === undefined) await services.auth.admit(remote);
  const hash = known?.hash ?? hashToken(text);
  const token = hash && (await services.directory.token(hash));
  if (hash === undefined || token === undefined || token.kind !== 'api') {
    shown.delete(socket);
    noteToken(services, remote, undefined);
    await services.auth.failed(remote, text);
    throw new HttpProblem('bad-credentials', 'The token is not known or no longer valid', {
      headers: { 'www-authenticate': 'Bearer realm="peerpost", error="invalid_token"' },
    });
  }
  if (known === undefined) {
    shown.set(socket, { text, hash });
    noteToken(services, remote, token);
  }
  return callerOf(services, exchange, token, 'token');
}

/** In the log of logins; of a token that is none, nothing of its text. */
function noteToken({ directory, clock }: RestServices, remote: string, token: Token | undefined): void {
  const { id = 'unknown', name, account } = token ?? {};
  const login = name === undefined ? 'an unknown token' : `token:${name}`;
  const outcome = token === undefined ? 'refused' : 'ok';
  const whose = account === undefined ? {} : { account };
  directory.noteLogin({ login, protocol: 'rest', remote, outcome, token: id, at: clock.now(), ...whose });
}

/**
 * A browser that was once given a password for us (`https://user:password@…`) sends it along with forms of any site, as it would a cookie.
 * Pages of `rest.cors-origins` give it themselves.
 */
function isForeignPage({ config }: RestServices, headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== 'cross-site' && site !== 'same-site') return false;
  return headers.origin === undefined || !config.rest.corsOrigins.includes(headers.origin);
}

async function basic(services: RestServices, exchange: Exchange, value: string): Promise<Caller> {
  const [, username, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(value, 'base64').toString()) ?? [];
  if (username === undefined || password === undefined) {
    throw new HttpProblem('bad-request', 'Basic authentication needs user:password in base64');
  }
  const { remote } = exchange;
  await services.auth.admit(remote);
  const login = await services.auth.finish({ kind: 'password', username, password, authzid: '' }, remote);
  const account = await accountOf(services, login.account);
  return {
    actor: account.address,
    account,
    scopes: scopeSet(passwordScopes(login, account.admin)),
    how: login.appPassword === undefined ? 'password' : 'app-password',
  };
}

async function callerOf(
  services: RestServices,
  exchange: Exchange,
  token: Token,
  how: 'token' | 'session',
): Promise<Caller> {
  const { remote } = exchange;
  if (token.networks !== undefined && remote !== 'unix' && !networkMatcher(token.networks)(remote)) {
    throw new HttpProblem('not-permitted', 'The token is not valid from this address');
  }
  services.directory.noteUse({ kind: 'token', id: token.id, at: services.clock.now(), remote });
  if (token.account === undefined) {
    return { actor: `token:${token.name}`, scopes: scopeSet(token.scopes), how, token };
  }
  const account = await accountOf(services, token.account);
  // Who is no admin any more loses it in all tokens at once.
  const scopes = token.scopes.filter((scope) => account.admin || !scope.startsWith('admin'));
  return { actor: account.address, account, scopes: scopeSet(scopes), how, token };
}

async function tokenOf(services: RestServices, text: string): Promise<Token | undefined> {
  const hash = hashToken(text);
  return hash && services.directory.token(hash);
}

async function accountOf(services: RestServices, id: AccountId): Promise<NonNullable<Caller['account']>> {
  const account = await services.directory.account(id);
  if (account === undefined) throw new MailError('bad-credentials', 'The account is gone');
  const { address, admin, secondFactor } = account;
  return { id, address, admin: admin === true, secondFactor: secondFactor === true };
}
