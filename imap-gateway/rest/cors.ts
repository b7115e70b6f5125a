/**
 * Scripts of other origins (`rest.cors-origins`): they may ask with tokens. Cookies are never allowed to come with them (no
 * Access-Control-Allow-Credentials), and without the configuration no origin is let in.
 */
import type { FastifyInstance } from 'fastify';
import { HttpProblem } from './problems.ts';
import { METHODS } from './route.ts';

const ALLOWED = 'Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, Range';
const SHOWN = 'ETag, Retry-After, X-Request-Id, Location, Content-Range, Content-Disposition';
const REMEMBERED_SECONDS = '600';

export function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  app.addHook('onRequest', async (request, reply) => {
    reply.header('vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || !origins.includes(origin)) return;
    reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': SHOWN });
  });
  // A preflight brings no credentials and names the path that it asks for; whether that exists is answered to the request itself.
  app.options('/api/*', async (request, reply) => {
    const { origin } = request.headers;
    if (origin === undefined || !origins.includes(origin)) {
      throw new HttpProblem('not-permitted', 'Scripts of this origin may not ask here');
    }
    return reply
      .code(204)
      .headers({
        'access-control-allow-methods': METHODS.join(', '),
        'access-control-allow-headers': ALLOWED,
        'access-control-max-age': REMEMBERED_SECONDS,
      })
      .send();
  });
}
