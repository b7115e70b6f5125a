/** From a request to its handler, and what is answered where there is none, or where the request should have come over TLS. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Log } from '#runtime/ambient.ts';
import type { Exchange } from './exchange.ts';
import type { HttpHandler } from './handler.ts';

export interface DispatchSettings {
  readonly handlers: readonly HttpHandler[];
  readonly hostname: string;
  /** Where https listens, for redirects; absent where it doesn't. */
  readonly httpsPort?: number;
  /**
   * RFC 6797: browsers that have come over TLS come back by nothing else. Only with a certificate that was not made by ourselves, and where https has its usual port:
   * browsers keep the port when they change `http` into `https`.
   */
  readonly strictTransport?: boolean;
}

/** Half a year, for this host alone: its domain may have others. */
const STRICT_TRANSPORT = 'max-age=15552000';

/** Never throws. Answers the name of the handler that took it. */
export function dispatch(
  { handlers, hostname, httpsPort, strictTransport }: DispatchSettings,
  request: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
  log: Log,
): string {
  const { method = 'GET', socket } = request;
  // A proxy speaks for itself.
  if (strictTransport === true && socket instanceof TLSSocket) {
    response.setHeader('strict-transport-security', STRICT_TRANSPORT);
  }
  // RFC 9112 §3.2: node:http takes the first, and a proxy in front may have taken the other.
  if (hasTwoHosts(request)) {
    answer(response, exchange, 400, 'Two Host fields', { connection: 'close' });
    return 'none';
  }
  const handler = handlers.find((one) => one.wants(exchange, method));
  if (handler === undefined) {
    answer(response, exchange, 404, 'There is nothing here');
    return 'none';
  }
  if (!exchange.secure && handler.inClear(exchange) === 'redirect') {
    redirect(request, response, exchange, httpsPort, hostname);
    return 'none';
  }
  const failed = (error: unknown): void => {
    log.error({ request: exchange.id, handler: handler.name, err: error }, 'a request failed');
    if (response.headersSent) response.destroy();
    else answer(response, exchange, 500, `An error of the server, request ${exchange.id}`);
  };
  try {
    Promise.resolve(handler.handle(request, response, exchange)).catch(failed);
  } catch (error) {
    failed(error);
  }
  return handler.name;
}

function hasTwoHosts({ rawHeaders }: IncomingMessage): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts > 1;
}

/** Credentials that came in the clear are refused loudly: a redirect would hide the mistake, and send them in the clear again next time. */
function redirect(
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
  port: number | undefined,
  hostname: string,
): void {
  const safe = method === 'GET' || method === 'HEAD';
  if (!safe || headers.authorization !== undefined || headers.cookie !== undefined || port === undefined) {
    answer(response, exchange, 403, 'Only over https');
    return;
  }
  const host = /^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])$/.test(exchange.host) ? exchange.host : hostname;
  const query = exchange.query === '' ? '' : `?${exchange.query}`;
  const location = `https://${host}${port === 443 ? '' : `:${port}`}${exchange.path}${query}`;
  answer(response, exchange, 308, 'Over https', { location });
}

export function answer(
  response: ServerResponse,
  exchange: Exchange,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = `${text}\n`;
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-request-id': exchange.id,
    ...headers,
  });
  response.end(body);
}
