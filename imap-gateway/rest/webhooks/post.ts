/** One POST to an endpoint: bounded in time and octets, no redirects followed, no connection kept. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '#runtime/ambient.ts';
import { checkUrl, guardedLookup } from './destination.ts';

export interface Posted {
  /** Of the answer; absent where there was none. */
  readonly status?: number;
  readonly error?: string;
  readonly milliseconds: number;
}

export type Post = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  /** Aborted when nobody waits for the answer any more. */
  signal?: AbortSignal,
) => Promise<Posted>;

export interface PostOptions {
  readonly clock: Clock;
  /** Private networks that may be reached, as they are configured now. */
  readonly allowed: () => readonly string[];
  readonly timeout?: number;
}

/** Milliseconds for all of it. */
const TIMEOUT = 20_000;
/** Octets of an answer that are read, only so that a decent server isn't cut off. */
const ANSWER = 16_384;

export function poster({ clock, allowed, timeout = TIMEOUT }: PostOptions): Post {
  return async (url, headers, body, signal) => {
    const began = clock.now();
    try {
      const options = { allowed: allowed(), clock, timeout, signal };
      const status = await post(checkUrl(url, allowed()), headers, body, options);
      return { status, milliseconds: clock.now() - began };
    } catch (error) {
      return { error: reasonOf(error), milliseconds: clock.now() - began };
    }
  };
}

interface Bounds {
  readonly allowed: readonly string[];
  readonly clock: Clock;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  { allowed, clock, timeout, signal }: Bounds,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      agent: false,
      ...(signal && { signal }),
      lookup: guardedLookup(allowed),
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'Peerpost-Webhooks',
      },
    });
    const end = (settle: () => void): void => {
      cancel();
      settle();
      request.destroy();
    };
    const cancel = clock.after(timeout, () => end(() => reject(new Error(`no answer within ${timeout / 1_000} s`))));
    request.on('error', (error) => end(() => reject(error)));
    request.on('response', (response) => {
      let octets = 0;
      const done = (): void => end(() => resolve(response.statusCode ?? 0));
      response.on('data', (chunk: Buffer) => {
        octets += chunk.length;
        if (octets > ANSWER) done();
      });
      response.on('end', done);
      response.on('error', done);
    });
    request.end(body);
  });
}

/** Nothing of what an inner host may have said. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message ?? 'trouble';
}
