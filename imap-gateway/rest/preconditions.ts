/** If-None-Match and If-Match (RFC 9110 §13.1): both compared weakly, since our tags come from counters that move with every change. */
import type { IncomingHttpHeaders } from 'node:http';
import { NotModified } from './answer.ts';
import { HttpProblem } from './problems.ts';

/** @throws NotModified for a GET of what the client has, HttpProblem 412 when it demands what isn't any more. */
export function checkPreconditions(tag: string, method: string, headers: IncomingHttpHeaders): void {
  const demanded = headers['if-match'];
  if (demanded !== undefined && !matches(demanded, tag)) {
    throw new HttpProblem('precondition-failed', 'It has changed since', { headers: { etag: tag } });
  }
  const known = headers['if-none-match'];
  if (known === undefined || !matches(known, tag)) return;
  if (method === 'GET' || method === 'HEAD') throw new NotModified();
  throw new HttpProblem('precondition-failed', 'It is there already', { headers: { etag: tag } });
}

function matches(header: string, tag: string): boolean {
  if (header.trim() === '*') return true;
  const wanted = opaque(tag);
  return [...header.matchAll(/(?:W\/)?"[^"]*"/g)].some(([given]) => opaque(given) === wanted);
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}
