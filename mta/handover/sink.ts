/**
 * Takes responsibility for what the server accepted (DESIGN §3). Local mail goes to the MDA before the answer, so that a refusal is heard in the session;
 * all else, and what the MDA couldn't take in time, is in the queue before the answer. Every try of a message carries the same delivery id.
 */
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Notice } from '#mail/dsn/notice.ts';
import type { ForwardPath } from '#mail/envelope.ts';
import { isPermanent, isPositive, type Reply, reply } from '#mail/smtp/reply.ts';
import { encodeXtext } from '#mail/xtext.ts';
import type { Clock, Log } from '#runtime/ambient.ts';
import { faultPoint } from '#runtime/fault-points.ts';
import type { OutgoingMessage, RecipientResult, TransactionResult } from '#runtime/smtp/client-types.ts';
import type { NewQueueEntry, Queue, QueueRecipient } from '#store/queue.ts';
import type { ReportedMessage } from '../dsn/reporter.ts';
import type { AcceptedMessage, MessageSink } from '../message-sink.ts';

export interface SinkOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly queue: Pick<Queue, 'enqueue' | 'keep'>;
  /** Sends to the MDA; never throws (`MdaConnections`). */
  readonly mda: { send(message: OutgoingMessage): Promise<TransactionResult> };
  /** Milliseconds that a message may stay in the queue. */
  readonly expire: number;
  report(
    message: ReportedMessage,
    notices: readonly Notice[],
    content: (start: number, end: number) => AsyncIterable<Uint8Array>,
  ): Promise<NewQueueEntry[]>;
}

/** `unknown`: the MDA may have it or not. It knows the delivery id, so trying again makes no second copy. */
type Class = 'delivered' | 'temporary' | 'permanent' | 'unknown';

export class HandoverSink implements MessageSink {
  readonly #options: SinkOptions;

  constructor(options: SinkOptions) {
    this.#options = options;
  }

  async accept(message: AcceptedMessage): Promise<Reply> {
    try {
      const recipients = message.envelope.forwardPaths;
      return await (message.local.every(Boolean) ? this.#handOver(message) : this.#enqueue(message, recipients));
    } catch (error) {
      this.#options.log.error({ queue: message.id, err: error }, 'message could not be queued');
      await this.#discard(message);
      return reply(451, '3.0', `Temporary trouble, try again later (${message.id})`);
    }
  }

  async #handOver(message: AcceptedMessage): Promise<Reply> {
    const recipients = message.envelope.forwardPaths;
    const { recipients: results } = await this.#options.mda.send(outgoing(message));
    faultPoint('mta:handed-over');
    const classes = recipients.map((_, i) => classOf(results[i]));
    const refusal = commonRefusal(results, classes);
    if (refusal !== undefined) {
      this.#options.log.info({ queue: message.id, reply: `${refusal.code} ${refusal.lines[0]}` }, 'refused by the MDA');
      await this.#discard(message);
      return refusal;
    }
    await this.#reportSuccess(message, results, classes);
    await this.#keepDelivered(message, results, classes);
    const left = recipients.filter((_, i) => classes[i] !== 'delivered');
    if (left.length === 0) {
      await this.#discard(message);
      return reply(250, '0.0', `Delivered (${message.id})`);
    }
    // Those who refuse for good are asked once more from the queue, which then makes the report: one place where mail bounces.
    return this.#enqueue(message, left);
  }

  async #enqueue(message: AcceptedMessage, recipients: readonly ForwardPath[]): Promise<Reply> {
    const { envelope } = message;
    await this.#options.queue.enqueue({
      id: message.id,
      deliveryId: message.deliveryId,
      reversePath: envelope.reversePath,
      bodyType: envelope.bodyType,
      smtputf8: envelope.smtputf8,
      ...(envelope.envelopeId !== undefined && { envelopeId: envelope.envelopeId }),
      ...(envelope.ret !== undefined && { ret: envelope.ret }),
      ...(message.tracked && { tracked: true }),
      ...(message.signAs !== undefined && { signAs: message.signAs }),
      arrivedAt: message.arrivedAt,
      expiresAt: message.arrivedAt + this.#options.expire,
      recipients,
      content: message.content,
    });
    faultPoint('mta:queued');
    return reply(250, '0.0', `Queued (${message.id})`);
  }

  /**
   * What was delivered at once never comes into the queue. Where that can't be recorded the answer is temporary: the sender is our own gateway, and what it
   * sends again under the same delivery id is not delivered twice.
   */
  async #keepDelivered(
    message: AcceptedMessage,
    results: readonly RecipientResult[],
    classes: readonly Class[],
  ): Promise<void> {
    const { envelopeId, forwardPaths } = message.envelope;
    if (!message.tracked || envelopeId === undefined) return;
    const at = this.#options.clock.now();
    const tried = { state: 'delivered', attempts: 1, nextAttemptAt: at, lastAttemptAt: at } as const;
    // Those that are left are counted from 0 in the queue.
    let index = classes.filter((kind) => kind !== 'delivered').length;
    const delivered: QueueRecipient[] = [];
    for (const [i, path] of forwardPaths.entries()) {
      const result = results[i];
      if (classes[i] !== 'delivered' || result?.kind !== 'reply') continue;
      delivered.push({ ...path, index: index++, ...tried, lastReply: result.reply });
    }
    if (delivered.length > 0) await this.#options.queue.keep(envelopeId, message.id, delivered);
  }

  /** RFC 3461 §5.2.1: NOTIFY=SUCCESS. The message is delivered, so trouble with the report no longer changes the answer. */
  async #reportSuccess(
    message: AcceptedMessage,
    results: readonly RecipientResult[],
    classes: readonly Class[],
  ): Promise<void> {
    const { log, clock, queue } = this.#options;
    const notices: Notice[] = [];
    for (const [i, recipient] of message.envelope.forwardPaths.entries()) {
      const result = results[i];
      const asked = recipient.notify !== undefined && recipient.notify !== 'never' && recipient.notify.success;
      if (!asked || classes[i] !== 'delivered' || result?.kind !== 'reply') continue;
      notices.push({ recipient, action: 'delivered', reply: result.reply, at: clock.now() });
    }
    if (notices.length === 0) return;
    try {
      const { envelope, arrivedAt, content } = message;
      const reported = { ...envelope, arrivedAt, size: sizeOf(content) };
      for (const entry of await this.#options.report(reported, notices, (start, end) => range(content, start, end))) {
        await queue.enqueue(entry);
      }
    } catch (error) {
      log.error({ queue: message.id, err: error }, 'success could not be reported');
    }
  }

  async #discard(message: AcceptedMessage): Promise<void> {
    if (!('file' in message.content)) return;
    try {
      await rm(message.content.file, { force: true });
    } catch (error) {
      this.#options.log.warn({ queue: message.id, err: error }, 'spool file could not be removed');
    }
  }
}

function outgoing(message: AcceptedMessage): OutgoingMessage {
  const { envelope, content } = message;
  const { reversePath, bodyType, smtputf8, envelopeId, ret } = envelope;
  return {
    reversePath,
    recipients: envelope.forwardPaths,
    bodyType,
    smtputf8,
    ...(envelopeId !== undefined && { envelopeId }),
    ...(ret !== undefined && { ret }),
    size: sizeOf(content),
    content: 'data' in content ? content.data : () => createReadStream(content.file),
    mailParameters: [`XDELIVERYID=${encodeXtext(message.deliveryId)}`],
  };
}

function classOf(result: RecipientResult | undefined): Class {
  if (result === undefined || result.kind === 'lost') return 'unknown';
  if (isPositive(result.reply)) return 'delivered';
  // 421: the MDA is going away, which is no word about the message.
  if (result.reply.code === 421) return 'unknown';
  return isPermanent(result.reply) ? 'permanent' : 'temporary';
}

/** The answer to pass on, when all recipients were refused alike. */
function commonRefusal(results: readonly RecipientResult[], classes: readonly Class[]): Reply | undefined {
  const [first] = results;
  const [kind] = classes;
  if (first?.kind !== 'reply' || (kind !== 'temporary' && kind !== 'permanent')) return undefined;
  return classes.every((other) => other === kind) ? first.reply : undefined;
}

type Content = AcceptedMessage['content'];

const sizeOf = (content: Content): number => ('data' in content ? content.data.length : content.size);

async function* range(content: Content, start: number, end: number): AsyncIterable<Uint8Array> {
  if ('data' in content) yield content.data.subarray(start, end);
  else if (end > start) yield* createReadStream(content.file, { start, end: end - 1 }) as AsyncIterable<Buffer>;
}
