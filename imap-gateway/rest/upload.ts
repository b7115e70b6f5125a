/** Bodies that are no JSON: streamed, counted, and cut off where they grow over what a route takes. */
import type { IncomingHttpHeaders } from 'node:http';
import { MailError } from '#mail/failure.ts';
import { HttpProblem } from './problems.ts';
import type { Route, Upload } from './route.ts';

export function uploadOf(
  headers: IncomingHttpHeaders,
  stream: AsyncIterable<Uint8Array>,
  { consumes = [], body }: Pick<Route, 'consumes' | 'body'>,
  limit: number,
): Upload {
  const [first = '', ...rest] = (headers['content-type'] ?? '').split(';');
  const type = first.trim().toLowerCase();
  if (!consumes.includes(type)) {
    const known = [...(consumes.length === 0 || body !== undefined ? ['application/json'] : []), ...consumes].join(
      ', ',
    );
    const sent = type === '' ? '; say which it is with Content-Type' : `, not ${type}`;
    throw new HttpProblem('unsupported-media-type', `This takes ${known}${sent}`, { headers: { accept: known } });
  }
  const length = Number(headers['content-length'] ?? Number.NaN);
  if (length > limit) throw tooLarge(limit);
  return {
    type,
    parameters: Object.fromEntries(rest.map(parameter)),
    stream: limited(stream, limit),
    ...(Number.isSafeInteger(length) && { length }),
  };
}

async function* limited(stream: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit);
    yield chunk;
  }
}

function tooLarge(limit: number): MailError {
  return new MailError('too-large', `A body may have ${limit} octets here`);
}

function parameter(text: string): [string, string] {
  const [name = '', ...value] = text.split('=');
  return [
    name.trim().toLowerCase(),
    value
      .join('=')
      .trim()
      .replace(/^"(.*)"$/, '$1'),
  ];
}
