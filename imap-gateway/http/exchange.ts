/** What is known of an HTTP request before anybody handles it: who asks, how safely, and for what. */
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { canonicalAddress, isLoopback, networkMatcher } from '#runtime/address.ts';
import type { Random } from '#runtime/ambient.ts';
import { shortId } from '#runtime/socket-connection.ts';

export interface Exchange {
  /** In every log line of the request, in problems, and in the header `X-Request-Id` of the answer. */
  readonly id: string;
  /** Canonical address of the client, behind the proxies that are trusted; `unix` for Unix sockets. */
  readonly remote: string;
  /** Credentials are accepted: over TLS, also in front of a trusted proxy, or from this host (DESIGN §7). */
  readonly secure: boolean;
  /** Over TLS, ours or a trusted proxy's: what a browser calls https. */
  readonly https: boolean;
  /** The name that the client asked for, in lower case, without its port; empty when it sent none. */
  readonly host: string;
  /** As sent, percent-encoded, without the query: begins with `/`. */
  readonly path: string;
  /** Behind the `?`; empty when there is none. */
  readonly query: string;
  /** To be told by whoever finds out from which account it comes: `status` shows it. */
  readonly loggedIn?: ((address: string) => void) | undefined;
}

/** The same exchange for the same request. @param loggedIn where the connection wants to hear of it; given with the first call. */
export type Examine = (request: IncomingMessage, loggedIn?: (address: string) => void) => Exchange;

/** @param trustedProxies networks whose X-Forwarded-For and X-Forwarded-Proto are believed. */
export function examiner(options: { readonly trustedProxies: readonly string[]; readonly random: Random }): Examine {
  const isTrusted = networkMatcher(options.trustedProxies);
  const known = new WeakMap<IncomingMessage, Exchange>();
  return (request, loggedIn) => {
    let exchange = known.get(request);
    if (exchange === undefined) {
      exchange = Object.assign(examine(request, isTrusted, shortId(options.random)), { loggedIn });
      known.set(request, exchange);
    }
    return exchange;
  };
}

type Asked = Omit<Exchange, 'loggedIn'>;

/** By which a proxy gives itself away. */
const PROXIES = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'forwarded', 'via'] as const;

function examine(request: IncomingMessage, isTrusted: (address: string) => boolean, id: string): Asked {
  const { socket, headers } = request;
  const encrypted = socket instanceof TLSSocket;
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const [path, query] = mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
  const asked = { id, host: hostName(headers.host ?? ''), path, query };
  if (socket.remoteAddress === undefined) return { ...asked, remote: 'unix', secure: true, https: encrypted };
  const neighbour = canonicalAddress(socket.remoteAddress);
  if (!isTrusted(neighbour)) {
    // A proxy on this host that nobody configured would make the whole world local.
    const local = isLoopback(neighbour) && PROXIES.every((name) => headers[name] === undefined);
    return { ...asked, remote: neighbour, secure: encrypted || local, https: encrypted };
  }
  // What the client itself may have written stands to the left of what the trusted ones wrote.
  const chain = listed(headers['x-forwarded-for']).map(canonicalAddress);
  const remote = chain.findLast((address) => !isTrusted(address)) ?? chain[0] ?? neighbour;
  const https = encrypted || listed(headers['x-forwarded-proto']).at(-1)?.toLowerCase() === 'https';
  // A proxy on this host that says nothing of its client is the client, such as curl.
  const secure = https || (chain.length === 0 && isLoopback(neighbour));
  return { ...asked, remote, secure, https };
}

function listed(value: string | string[] | undefined): string[] {
  return [value ?? ''].flat().flatMap((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );
}

function hostName(header: string): string {
  return header.replace(/:\d*$/, '').toLowerCase();
}
