/** The pages as one of the handlers of http and https: two documents, and what they load. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpHandler } from '../http/handler.ts';
import { ASSETS, type Bundle, loadBundle, type PageFile } from './bundle.ts';

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

const SECURITY = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};
const FOR_GOOD = 'public, max-age=31536000, immutable';
/** Kept, and asked about each time. */
const ASK = 'no-cache';

/** @param load for tests; by default what is in `web/`. */
export function createPagesHandler(load: () => Promise<Bundle> = loadBundle): HttpHandler {
  // Read and compressed at the first request: who never opens a page pays nothing for it.
  let bundle: Promise<Bundle> | undefined;
  return {
    name: 'pages',
    wants: ({ path }) => isAdmin(path) || path === '/' || path.startsWith(ASSETS),
    inClear: () => 'redirect',
    async handle(request, response, { path }) {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        refuse(response, 405, 'Only GET and HEAD', { allow: 'GET, HEAD' });
        return;
      }
      bundle ??= load().catch((error: unknown) => {
        bundle = undefined;
        throw error;
      });
      const { file, caching } = pick(await bundle, path);
      if (file === undefined) refuse(response, 404, 'There is nothing here');
      else send(request, response, file, caching);
    },
  };
}

const isAdmin = (path: string): boolean => path === '/admin' || path.startsWith('/admin/');

function pick(bundle: Bundle, path: string): { readonly file: PageFile | undefined; readonly caching: string } {
  if (path === '/') return { file: bundle.user, caching: ASK };
  if (isAdmin(path)) return { file: bundle.admin, caching: ASK };
  const [, , hash, ...rest] = path.split('/');
  // Under another hash a page of the version before, or after, finds all of ours: never some of each.
  return { file: bundle.assets.get(rest.join('/')), caching: hash === bundle.hash ? FOR_GOOD : ASK };
}

function send(request: IncomingMessage, response: ServerResponse, file: PageFile, caching: string): void {
  const headers = { ...SECURITY, 'cache-control': caching, etag: file.etag, vary: 'Accept-Encoding' };
  if (matches(request.headers['if-none-match'], file.etag)) {
    response.writeHead(304, headers);
    response.end();
    return;
  }
  const coding = codingFor(request.headers['accept-encoding']);
  const body = file[coding];
  response.writeHead(200, {
    ...headers,
    'content-type': file.type,
    'content-length': body.length,
    ...(coding !== 'identity' && { 'content-encoding': coding }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** RFC 9110 §13.1.2: weak comparison. */
function matches(header: string | undefined, etag: string): boolean {
  const opaque = (tag: string): string => tag.trim().replace(/^W\//, '');
  return (header ?? '').split(',').some((tag) => tag.trim() === '*' || opaque(tag) === opaque(etag));
}

/** RFC 9110 §12.5.3, as far as browsers need it: the smallest that isn't refused. */
export function codingFor(header: string | string[] | undefined): 'br' | 'gzip' | 'identity' {
  const accepted = new Set(
    [header ?? '']
      .flat()
      .join(',')
      .toLowerCase()
      .split(',')
      .filter((item) => !/;\s*q=0(?:\.0*)?\s*$/.test(item))
      .map((item) => item.split(';', 1).join('').trim()),
  );
  if (accepted.has('br')) return 'br';
  return accepted.has('gzip') ? 'gzip' : 'identity';
}

function refuse(
  response: ServerResponse,
  status: number,
  text: string,
  more: Readonly<Record<string, string>> = {},
): void {
  const body = `${text}\n`;
  const type = { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, { ...SECURITY, ...type, 'cache-control': 'no-store', ...more });
  response.end(body);
}
