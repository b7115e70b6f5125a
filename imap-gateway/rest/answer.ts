/** What a route's result becomes on the wire. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Log } from '#runtime/ambient.ts';
import { Content } from './content.ts';
import type { ProblemAnswer } from './problems.ts';
import type { Route } from './route.ts';

/** Thrown by `etag()`: the client has it already (RFC 9110 §15.4.5). */
export class NotModified extends Error {}

export function sendResult(
  route: Route,
  reply: FastifyReply,
  method: string,
  result: unknown,
  log: () => Log,
): FastifyReply {
  if (result instanceof Content) return sendContent(result, reply, method, log);
  if (reply.statusCode === 200) reply.code(route.status ?? (route.response === undefined ? 204 : 200));
  return result === undefined ? reply.send() : reply.send(result);
}

function sendContent(content: Content, reply: FastifyReply, method: string, log: () => Log): FastifyReply {
  const { type, body, length, headers } = content.options;
  reply.header('content-type', type).headers(headers ?? {});
  if (typeof body === 'string' || body instanceof Uint8Array) {
    return reply.send(typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  }
  if (length !== undefined) reply.header('content-length', length);
  if (method === 'HEAD') return reply.send();
  return reply.send(Readable.from(told(body, log()), { objectMode: false }));
}

/** What fails behind the head can't be answered any more: the connection breaks off, and the log says why. */
async function* told(
  body: AsyncIterable<Uint8Array | string>,
  log: Log,
): AsyncGenerator<Uint8Array | string, void, undefined> {
  try {
    yield* body;
  } catch (error) {
    log.error({ err: error }, 'an answer broke off');
    throw error;
  }
}

export function sendProblem(reply: FastifyReply, { problem, headers }: ProblemAnswer): FastifyReply {
  return reply
    .code(problem.status)
    .headers(headers)
    .header('content-type', 'application/problem+json')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send(problem);
}
