/**
 * One attempt of an entry for the recipients of one destination: hosts in their order, until each recipient is settled or nobody is left to ask.
 * Never throws: what goes wrong here is a verdict, and unknown trouble is temporary.
 */
import { type Reply, reply } from '#mail/smtp/reply.ts';
import { encodeXtext } from '#mail/xtext.ts';
import type { Clock, Log } from '#runtime/ambient.ts';
import type { SmtpClient } from '#runtime/smtp/client.ts';
import {
  ClientError,
  type OutgoingMessage,
  type RecipientResult,
  type TransactionResult,
} from '#runtime/smtp/client-types.ts';
import type { QueueEntry, QueueRecipient } from '#store/queue.ts';
import type { Destination } from '../routing/destination.ts';
import { type NextHop, type NextHops, nextHops, type RoutingOptions } from '../routing/next-hops.ts';
import { missingCapability } from './capability.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { type ContentSource, MessageContent } from './message-content.ts';
import { type Sendable, Sendables } from './sendable.ts';
import type { Sign, Signing } from './signing.ts';
import { judge, lostReply, reason, type Verdict } from './verdict.ts';

export interface AttemptContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly routing: RoutingOptions;
  readonly pool: ConnectionPool;
  readonly source: ContentSource;
  /** Absent where nothing is signed. */
  readonly signing?: Pick<Signing, 'signFor'>;
}

export async function attempt(
  entry: QueueEntry,
  recipients: readonly QueueRecipient[],
  destination: Destination,
  context: AttemptContext,
): Promise<Verdict[]> {
  const sign = await signFor(entry, destination, context);
  const job = new Attempt(entry, recipients, destination, context, sign === 'waits' ? undefined : sign);
  try {
    if (sign === 'waits') {
      job.deferRest(UNSIGNED);
      return job.verdicts();
    }
    const found: NextHops = await nextHops(destination, context.routing);
    if (found.kind === 'failed') job.decideRest(found.reply, undefined);
    else await job.run(found.hops);
  } catch (error) {
    context.log.error({ queue: entry.id, destination: destination.key, err: error }, 'attempt failed unexpectedly');
    job.deferRest(reply(451, '3.0', 'Internal trouble, will be tried again'));
  }
  return job.verdicts();
}

/** What comes to accounts of ours never leaves, and is not signed. */
async function signFor(
  entry: QueueEntry,
  destination: Destination,
  { signing, log }: AttemptContext,
): Promise<Sign | 'waits' | undefined> {
  if (destination.kind === 'local') return undefined;
  try {
    return await signing?.signFor(entry);
  } catch (error) {
    log.error({ queue: entry.id, domain: entry.signAs, err: error }, 'cannot sign: the message waits');
    return 'waits';
  }
}

/** What is known of a recipient that no host has settled: the word of the last host, a temporary one being stronger. */
interface Standing {
  readonly class: 'permanent' | 'temporary';
  readonly reply: Reply;
  readonly remoteMta: string | undefined;
}

class Attempt {
  readonly #entry: QueueEntry;
  readonly #destination: Destination;
  readonly #context: AttemptContext;
  readonly #content: MessageContent;
  readonly #sendables: Sendables;
  readonly #verdicts = new Map<number, Verdict>();
  readonly #standings = new Map<number, Standing>();
  #open: QueueRecipient[];

  constructor(
    entry: QueueEntry,
    recipients: readonly QueueRecipient[],
    destination: Destination,
    context: AttemptContext,
    sign?: Sign,
  ) {
    this.#entry = entry;
    this.#open = [...recipients];
    this.#destination = destination;
    this.#context = context;
    this.#content = new MessageContent(context.source, entry.id, entry.size);
    this.#sendables = new Sendables(this.#content, entry.bodyType, sign);
  }

  async run(hops: readonly NextHop[]): Promise<void> {
    for (const hop of hops) {
      if (this.#open.length === 0) break;
      await this.#tryHop(hop);
    }
  }

  /** Verdicts of all: who was not settled by any host gets what the hosts said last. */
  verdicts(): Verdict[] {
    for (const { index } of this.#open) {
      const standing = this.#standings.get(index);
      if (standing?.class === 'permanent') this.#settle(index, 'refused', standing.reply, standing.remoteMta);
      else this.#settle(index, 'deferred', standing?.reply ?? NOBODY, standing?.remoteMta);
    }
    this.#open = [];
    return [...this.#verdicts.values()];
  }

  decideRest(answer: Reply, remoteMta: string | undefined): void {
    for (const recipient of this.#open) this.#stand(recipient.index, answer, remoteMta);
  }

  deferRest(answer: Reply): void {
    for (const { index } of this.#open)
      this.#standings.set(index, { class: 'temporary', reply: answer, remoteMta: undefined });
  }

  async #tryHop(hop: NextHop): Promise<void> {
    let fresh = false;
    const asked = new Set<number>();
    for (let waiting = this.#open; waiting.length > 0; ) {
      const outcome = await this.#trySome(hop, waiting, fresh);
      if (outcome === 'leave') return;
      if (outcome === 'stale') fresh = true;
      else for (const { index } of outcome) asked.add(index);
      waiting = this.#open.filter(({ index }) => !asked.has(index));
    }
  }

  /**
   * Asks the host about as many as it takes at once, and answers who they were. `stale`: a kept connection had died meanwhile or takes no
   * more of these, a new one may do. `leave`: there is no point in going on with this host.
   */
  async #trySome(
    hop: NextHop,
    waiting: readonly QueueRecipient[],
    fresh: boolean,
  ): Promise<readonly QueueRecipient[] | 'stale' | 'leave'> {
    const { pool, log } = this.#context;
    let client: SmtpClient;
    let reused: boolean;
    try {
      ({ client, reused } = await pool.acquire(hop, fresh));
    } catch (error) {
      this.#couldNotConnect(hop, error);
      return 'leave';
    }
    const batch = client.choose(waiting);
    try {
      if (batch.length === 0) return 'stale';
      const sendable = await this.#sendableFor(client, batch);
      if ('code' in sendable) {
        this.decideRest(sendable, undefined);
        return 'leave';
      }
      const result = await client.send(this.#message(batch, sendable));
      if (reused && result.recipients.every((r) => r.kind === 'lost' && r.stage === 'mail')) return 'stale';
      this.#record(hop, client, batch, result);
      log.debug({ queue: this.#entry.id, host: hop.host, tls: client.tls?.protocol }, 'transaction ended');
      return client.usable ? batch : 'leave';
    } finally {
      pool.release(hop, client, batch.length > 0);
    }
  }

  /** What the host can take, or the answer for all when it can take nothing. */
  async #sendableFor({ extensions }: SmtpClient, batch: readonly QueueRecipient[]): Promise<Sendable | Reply> {
    const sendable = await this.#sendables.for(extensions);
    const size = 'code' in sendable ? 0 : sendable.size;
    return (await missingCapability(this.#entry, batch, this.#content, size, extensions)) ?? sendable;
  }

  #message(recipients: readonly QueueRecipient[], sendable: Sendable): OutgoingMessage {
    const { reversePath, smtputf8, envelopeId, ret, deliveryId } = this.#entry;
    return {
      reversePath,
      recipients,
      ...sendable,
      smtputf8,
      ...(envelopeId !== undefined && { envelopeId }),
      ...(ret !== undefined && { ret }),
      // STORE.md §2: with it our MDA knows a delivery that it has made already.
      ...(this.#destination.kind === 'local' && { mailParameters: [`XDELIVERYID=${encodeXtext(deliveryId)}`] }),
    };
  }

  #record(hop: NextHop, client: SmtpClient, batch: readonly QueueRecipient[], result: TransactionResult): void {
    const remoteMta = client.remoteName || hop.host;
    for (const [i, { index }] of batch.entries()) {
      const told = result.recipients[i] as RecipientResult;
      const verdict = judge(told);
      const answer = told.kind === 'reply' ? told.reply : lostReply(told);
      const speaker = told.kind === 'reply' ? remoteMta : undefined;
      if (verdict.next === 'next-host') this.#stand(index, answer, speaker, verdict.class === 'permanent');
      else if (verdict.class === 'done') {
        const final = hop.protocol === 'lmtp' ? 'delivered' : 'relayed';
        this.#settle(index, final, answer, speaker, result.dsnPassedOn);
      } else this.#settle(index, verdict.class === 'permanent' ? 'refused' : 'deferred', answer, speaker);
    }
  }

  #couldNotConnect(hop: NextHop, error: unknown): void {
    const { log } = this.#context;
    log.info({ queue: this.#entry.id, host: hop.host, reason: reason(error) }, 'no connection');
    if (error instanceof ClientError && error.reply !== undefined) {
      this.decideRest(error.reply, hop.host);
      return;
    }
    const stage = error instanceof ClientError ? error.stage : 'connect';
    const cause = error instanceof Error ? error : new Error(String(error));
    this.decideRest(lostReply({ kind: 'lost', stage, error: cause }), undefined);
  }

  /** A host that may recover outweighs one that refuses for good. */
  #stand(index: number, answer: Reply, remoteMta: string | undefined, permanent = answer.code >= 500): void {
    const kind = permanent ? 'permanent' : 'temporary';
    if (kind === 'permanent' && this.#standings.get(index)?.class === 'temporary') return;
    this.#standings.set(index, { class: kind, reply: answer, remoteMta });
  }

  #settle(index: number, kind: Verdict['kind'], answer: Reply, remoteMta?: string, dsnPassedOn?: boolean): void {
    this.#verdicts.set(index, {
      index,
      kind,
      reply: answer,
      ...(remoteMta !== undefined && { remoteMta }),
      ...(dsnPassedOn !== undefined && { dsnPassedOn }),
      at: this.#context.clock.now(),
    });
    this.#open = this.#open.filter((recipient) => recipient.index !== index);
  }
}

/** RFC 3463 §3.8: X.7.5 is a cryptographic failure. */
const UNSIGNED = reply(451, '7.5', 'The message cannot be signed now (DKIM), will be tried again');
const NOBODY = reply(451, '4.1', 'No host took the message');
