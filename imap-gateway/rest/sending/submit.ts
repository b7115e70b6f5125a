/**
 * Takes responsibility for a message that is to be sent: message, submission and outbox row in one commit. Under an Idempotency-Key the commit and its answer are the
 * same however often it is asked.
 */
import { createHash } from 'node:crypto';
import { formatAddress } from '#mail/address.ts';
import type { Notify } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { networkMatcher } from '#runtime/address.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Access, MessageId } from '#store/types.ts';
import { HttpProblem } from '../problems.ts';
import { time } from '../schemas.ts';
import type { RestServices } from '../services.ts';
import { badInput } from './correspondents.ts';
import type { Reference } from './letter.ts';
import type { Envelope } from './raw.ts';
import type { SendingOptions } from './schemas.ts';
import { KEPT, putSubmission, readSubmission, type SubmissionRecord, TO_SEND } from './submission.ts';

type Services = Pick<RestServices, 'store' | 'coordination' | 'clock' | 'random' | 'config' | 'metrics'>;

/** What is answered, and nothing that changes. */
export interface Accepted {
  readonly id: string;
  readonly message: MessageId;
  readonly messageId: string;
  readonly createdAt: string;
  readonly sendAt?: string;
  readonly recipients: readonly string[];
}

export interface Request {
  readonly access: Access;
  /** The key and a digest of all that was asked, where there is a key. */
  readonly idempotency: Idempotency | undefined;
}

export interface Idempotency {
  readonly key: string;
  readonly digest: string;
}

const SEND_KEY = 'send-key';

/** @throws HttpProblem 400 for a key that is none. */
export function idempotencyOf(
  key: string | string[] | undefined,
  ...asked: (string | Uint8Array)[]
): Idempotency | undefined {
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !/^[!-~]{1,255}$/.test(key)) {
    throw badInput({ path: '/headers/idempotency-key', message: 'has 1 to 255 printable characters' });
  }
  const hash = createHash('sha256');
  for (const part of asked) hash.update(part).update('\0');
  return { key: createHash('sha256').update(key).digest('base64url'), digest: hash.digest('base64url') };
}

/** The answer of the first time. @throws MailError `rejected` when that was another request. */
export async function answeredBefore(
  { store }: Pick<Services, 'store'>,
  { access, idempotency }: Request,
): Promise<Accepted | undefined> {
  if (idempotency === undefined) return undefined;
  const known = await store.record(access, SEND_KEY, idempotency.key);
  if (known === undefined) return undefined;
  const { submission, digest } = JSON.parse(known.value) as { submission: string; digest: string };
  if (digest !== idempotency.digest) throw new MailError('rejected', 'The Idempotency-Key belongs to another request');
  const kept = await readSubmission(store, access, submission);
  if (kept === undefined) throw new MailError('rejected', 'The submission of this Idempotency-Key is no longer known');
  return acceptedOf(submission, kept.record);
}

const MINUTE = 60_000;

/** Made once for each configuration. */
const exempt = new WeakMap<readonly string[], ReturnType<typeof networkMatcher>>();

function isExempt(networks: readonly string[], remote: string): boolean {
  const known = exempt.get(networks) ?? networkMatcher(networks);
  exempt.set(networks, known);
  return known(remote);
}

/** Counts with the same account's messages by SMTP. @throws HttpProblem 429. */
export async function limitMessages(
  { coordination, config, metrics }: Services,
  { access }: Request,
  remote: string,
): Promise<void> {
  if (remote === 'unix' || isExempt(config.limits.exemptNetworks, remote)) return;
  const count = await coordination.count(`messages-of:${access.owner}`, 1, MINUTE);
  if (count <= config.limits.messagesPerMinutePerAddress) return;
  metrics?.counter('limit_hits_total', { program: 'imap-gateway', limit: 'messages' }).add();
  throw new HttpProblem('limit-exceeded', 'Too many messages in a minute, try again later', {
    headers: { 'retry-after': '60' },
  });
}

/** What came of each of them must fit into a record. */
const MOST_RECIPIENTS = 5_000;

export interface ToSubmit {
  readonly envelope: Envelope;
  readonly message: MessageId;
  readonly options: SendingOptions;
  readonly reference: Reference | undefined;
  /** Everything that brings the message into its mailbox. */
  readonly mutations: readonly Mutation[];
}

/** The message waits among drafts, where it can be seen and taken back; what leaves at once is among what was sent already. */
export function waits({ sendAt, save }: SendingOptions, now: number): boolean {
  return save === false || (sendAt !== undefined && Date.parse(sendAt) > now);
}

/** Milliseconds: who writes for later than that has mistaken the year. */
const FURTHEST = 366 * 86_400_000;

/** @param path where it stands in the request. @throws HttpProblem 400 for a time too far ahead. */
export function checkSendAt({ sendAt }: Pick<SendingOptions, 'sendAt'>, path: string, now: number): void {
  if (sendAt === undefined || Date.parse(sendAt) - now <= FURTHEST) return;
  throw badInput({ path, message: `lies more than ${FURTHEST / 86_400_000} days ahead` });
}

/** @throws HttpProblem 400, MailError of the commit. */
export async function submit(services: Services, request: Request, wanted: ToSubmit): Promise<Accepted> {
  const { store, clock, random, config } = services;
  const { access, idempotency } = request;
  const now = clock.now();
  const to = wanted.envelope.to.map(formatAddress);
  if (to.length === 0) throw badInput({ path: '/body/to', message: 'or cc or bcc must name a recipient' });
  const most = Math.min(config.limits.recipients, MOST_RECIPIENTS);
  if (to.length > most) throw badInput({ path: '/body/to', message: `and cc and bcc may name ${most} recipients` });
  const id = newId('outbox', random);
  const record = recordOf(wanted, to, now);
  const key: Mutation[] =
    idempotency === undefined
      ? []
      : [
          {
            type: 'put-record',
            kind: SEND_KEY,
            id: idempotency.key,
            value: JSON.stringify({ submission: id, digest: idempotency.digest }),
            expiresAt: Math.max(now, record.sendAt ?? 0) + KEPT,
            ifAbsent: true,
          },
        ];
  const answer = await store.commit({
    owner: access.owner,
    actor: access.viewer,
    id: idempotency === undefined ? newId('commit', random) : `send-${idempotency.key}`,
    mutations: [
      ...key,
      ...wanted.mutations,
      putSubmission(id, record, now),
      {
        type: 'enqueue-outbox',
        id,
        kind: TO_SEND,
        payload: Buffer.from('{}'),
        ...(record.sendAt !== undefined && { notBefore: record.sendAt }),
      },
    ],
  });
  if (answer.ok && !answer.repeated) return acceptedOf(id, record);
  if (!answer.ok && !(idempotency !== undefined && answer.failure === 'exists' && answer.mutation === 0)) {
    throw new MailError(answer.failure, answer.text);
  }
  // Somebody was faster with the same key.
  const first = await answeredBefore(services, request);
  if (first === undefined) throw new MailError('unavailable', 'The submission is not known');
  return first;
}

function recordOf(
  { envelope, message, options, reference }: ToSubmit,
  to: readonly string[],
  now: number,
): SubmissionRecord {
  const sendAt = options.sendAt === undefined ? undefined : Date.parse(options.sendAt);
  const later = sendAt !== undefined && sendAt > now;
  return {
    state: later ? 'scheduled' : 'sending',
    message,
    messageId: envelope.messageId,
    from: formatAddress(envelope.from),
    subject: envelope.subject.slice(0, 1000),
    to,
    createdAt: now,
    ...(later && { sendAt }),
    ...(options.notify !== undefined && { notify: notifyOf(options.notify) }),
    save: options.save !== false,
    ...(reference !== undefined && { reference }),
    round: 1,
    taken: [],
    final: {},
  };
}

function notifyOf(wanted: NonNullable<SendingOptions['notify']>): Notify {
  if (wanted === 'never') return 'never';
  const has = (one: (typeof wanted)[number]): boolean => wanted.includes(one);
  return { success: has('success'), failure: has('failure'), delay: has('delay') };
}

function acceptedOf(id: string, record: SubmissionRecord): Accepted {
  const { message, messageId, createdAt, sendAt, to } = record;
  return {
    id,
    message,
    messageId,
    createdAt: time(createdAt),
    ...(sendAt !== undefined && { sendAt: time(sendAt) }),
    recipients: to,
  };
}
