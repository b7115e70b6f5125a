/** The taking side at another peer, over its REST. */
import { request as plain } from 'node:http';
import { Agent, request as secure } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Failure, MailError } from '#mail/failure.ts';
import { distrust } from '../certificate.ts';
import { addressOf } from '../destination.ts';
import type { MoveState, MoveStep, MoveTarget } from './protocol.ts';

export interface PeerAddress {
  /** `https://mail.beta.test[:port]`; what stands behind is left out. */
  readonly url: string;
  /** An admin's token of that peer. */
  readonly token: string;
  /** PEM, beside the system's. */
  readonly ca?: string;
  readonly insecure?: boolean;
  /** Where its host may be; the system's own look-up otherwise. */
  readonly lookup?: LookupFunction;
}

/** Nobody waits longer for one step: a megabyte of messages. */
const STEP_MS = 120_000;
const MOST_ANSWER = 16 * 1024 * 1024;

export function httpTarget(peer: PeerAddress, signal: AbortSignal): MoveTarget & { close(): void } {
  const base = new URL('/api/v1/admin/incoming-moves', peer.url);
  const { lookup } = peer;
  const host = base.hostname.replace(/^\[(.*)\]$/, '$1');
  const agent =
    base.protocol === 'https:'
      ? new Agent({
          keepAlive: true,
          ...(peer.ca === undefined ? {} : { ca: peer.ca }),
          ...(peer.insecure ? { rejectUnauthorized: false } : {}),
          ...(lookup === undefined ? {} : { lookup }),
        })
      : undefined;
  const ask = async <T>(method: string, path: string, query: Record<string, string>, body?: Body): Promise<T> => {
    // An address that stands there itself is looked up by nobody.
    if (lookup !== undefined && (isIP(host) !== 0 || agent === undefined)) await addressOf(host, lookup);
    const url = new URL(`${base.pathname}${path}`, base);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return send<T>(url, method, peer.token, agent, signal, body);
  };
  const json = (value: unknown): Body => ({ type: 'application/json', bytes: Buffer.from(JSON.stringify(value)) });
  return {
    offer: async (offer) => checked(await ask<MoveState>('POST', '', {}, json(offer)), isState),
    state: async (id, address) => checked(await ask<MoveState>('GET', `/${id}`, { address }), isState),
    changes: async (id, address, version, changes) =>
      checked(await ask<MoveStep>('POST', `/${id}/changes`, { address }, json({ version, changes }))),
    messages: async (id, address, version, tar) => {
      const body = { type: 'application/x-tar', stream: tar };
      return checked(await ask<MoveStep>('POST', `/${id}/messages`, { address, version: `${version}` }, body));
    },
    activate: async (id, address, activation) =>
      checked(await ask<MoveStep>('POST', `/${id}/activate`, { address }, json(activation))),
    close: () => agent?.destroy(),
  };
}

type Body =
  | { readonly type: string; readonly bytes: Buffer }
  | { readonly type: string; readonly stream: AsyncIterable<Uint8Array> };

async function send<T>(
  url: URL,
  method: string,
  token: string,
  agent: Agent | undefined,
  signal: AbortSignal,
  body: Body | undefined,
): Promise<T> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(STEP_MS)]);
  const headers: Record<string, string> = { authorization: `Bearer ${token}`, accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = body.type;
  const options = { method, headers, signal: within, ...(agent === undefined ? {} : { agent }) };
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const request = (url.protocol === 'https:' ? secure : plain)(url, options, (response) => {
    readAll(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
  });
  request.once('error', reject);
  let answer: { status: number; text: string };
  try {
    if (body !== undefined && 'stream' in body) {
      // It may answer, and hang up, before it has read everything: then the answer counts.
      pipeline(Readable.from(body.stream, { objectMode: false }), request).catch(reject);
    } else request.end(body?.bytes);
    answer = await promise;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof MailError) throw error;
    const reason = distrust(error) ?? (error instanceof Error ? error.message : String(error));
    throw new MailError('unavailable', `can not reach ${url.origin}: ${reason}`, { cause: error });
  }
  return answered<T>(url, answer);
}

async function readAll(response: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > MOST_ANSWER) throw new MailError('unavailable', 'the other peer answers too much');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function answered<T>(url: URL, { status, text }: { status: number; text: string }): T {
  let value: unknown;
  try {
    value = text === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw new MailError('unavailable', `${url.origin} does not answer as a peer does`, { cause: error });
  }
  if (typeof value !== 'object' || value === null) {
    throw new MailError('unavailable', `${url.origin} does not answer as a peer does`);
  }
  if (status >= 200 && status < 300) return value as T;
  const { code, detail, title } = value as { code?: unknown; detail?: unknown; title?: unknown };
  const failure =
    FAILURES.find((one) => one === code) ?? (status >= 500 || status === 429 ? 'unavailable' : 'rejected');
  const words = [detail, title].find((one) => typeof one === 'string') ?? `${status}`;
  throw new MailError(failure, `${url.host}: ${words.slice(0, MOST_WORDS).replace(/\p{Cc}+/gu, ' ')}`);
}

/** It stands in a record of the job, and on pages. */
const MOST_WORDS = 300;

/** What a step is answered with: whoever answers something else is no peer. */
function checked<T extends MoveStep>(answer: T, isState: (answer: T) => boolean = () => true): T {
  if (Number.isSafeInteger(answer.version) && isState(answer)) return answer;
  throw new MailError('rejected', 'the other side does not answer as a peer does');
}

function isState({ active, mailboxes, last, subscribed }: MoveState): boolean {
  return (
    typeof active === 'boolean' &&
    Array.isArray(mailboxes) &&
    mailboxes.every((one) => typeof one?.id === 'string' && typeof one.name === 'string' && isCount(one.uidNext)) &&
    typeof last === 'object' &&
    last !== null &&
    Object.values(last).every(isCount) &&
    Array.isArray(subscribed) &&
    subscribed.every((name) => typeof name === 'string')
  );
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** Those that the caller tells apart. */
const FAILURES: readonly Failure[] = [
  'bad-credentials',
  'bad-request',
  'conflict',
  'exists',
  'no-such-account',
  'not-permitted',
  'over-quota',
  'too-large',
  'unavailable',
];
