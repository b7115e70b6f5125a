/** Client setup as one of the handlers of http and https: reads a request within bounds, counts it, and sends what `respond.ts` answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PROFILE_TYPE } from '#admin/setup/mobileconfig.ts';
import { networkMatcher, networkOf } from '#runtime/address.ts';
import type { Coordination } from '#runtime/coordination.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HttpHandler } from '../http/handler.ts';
import { respond, type SetupResponse, type SetupServices, setupRoute } from './respond.ts';

export interface SetupHandlerServices extends SetupServices {
  readonly coordination: Coordination;
  /** Networks that aren't counted. */
  readonly exemptNetworks: readonly string[];
  /** Undefined leaves a profile unsigned: a certificate that nobody vouches for would only make it look worse. */
  signProfile(profile: string): Uint8Array | undefined;
}

/** Nothing here is for browsers. */
const SECURITY = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
};
/** A request of Outlook has some 400 octets. */
const BODY_LIMIT = 16_384;
/** A client asks for a handful of places at once; many clients may stand behind one address. */
const REQUESTS_PER_MINUTE = 300;
const MINUTE_MS = 60_000;

export function createSetupHandler(services: SetupHandlerServices): HttpHandler {
  const isExempt = networkMatcher(services.exemptNetworks);
  return {
    name: 'setup',
    wants: ({ path }) => setupRoute(path) !== undefined,
    inClear: ({ path }) => (setupRoute(path)?.clear === true ? 'serve' : 'redirect'),
    async handle(request, response, exchange) {
      const refused = await overLimit(services, isExempt, exchange);
      const answer = refused ?? (await answerTo(request, exchange, services));
      const isProfile = answer.headers['Content-Type'] === PROFILE_TYPE;
      send(response, answer, (isProfile ? services.signProfile(answer.body) : undefined) ?? answer.body);
    },
  };
}

async function overLimit(
  { coordination }: SetupHandlerServices,
  isExempt: (address: string) => boolean,
  { remote }: Exchange,
): Promise<SetupResponse | undefined> {
  if (isExempt(remote)) return undefined;
  const count = await coordination.count(`setup:${networkOf(remote)}`, 1, MINUTE_MS);
  return count > REQUESTS_PER_MINUTE ? plain(429, 'Too many requests.', { 'Retry-After': '60' }) : undefined;
}

async function answerTo(
  request: IncomingMessage,
  { host, path, query, secure }: Exchange,
  services: SetupHandlerServices,
): Promise<SetupResponse> {
  const body = request.method === 'POST' ? await readBody(request) : '';
  if (body === undefined) return plain(413, 'The request is too large.', { Connection: 'close' });
  const answer = await respond({ method: request.method ?? '', host, path, query, secure, body }, services);
  return answer ?? plain(404, 'Not found.');
}

function plain(status: number, text: string, headers: { readonly [name: string]: string } = {}): SetupResponse {
  const type = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' };
  return { status, headers: { ...type, ...headers }, body: `${text}\n` };
}

/** Undefined when there is more than the limit: the rest is not read. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, { status, headers }: SetupResponse, body: string | Uint8Array): void {
  response.writeHead(status, { ...SECURITY, ...headers, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}
