/** A few LMTP connections to our MDA that stay open, with many messages under way on each: what is pipelined shares a group of commits there (STORE.md §2). */
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import { SmtpClient } from '#runtime/smtp/client.ts';
import { ClientError, type OutgoingMessage, type TransactionResult } from '#runtime/smtp/client-types.ts';

export interface MdaOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly hostname: string;
  /** Of the Unix socket. */
  readonly path: string;
  /** Milliseconds until a message counts as not taken, and its connection as stuck. */
  readonly deadlineMs: number;
}

const CONNECTIONS = 3;
/**
 * Octets of content under way on a connection until the next one is used. Small messages that come together travel together, in one write and one read;
 * large ones, which the MDA stages while they come in, get a connection each.
 */
const FULL = 131_072;
/** Octets of content that leave without waiting: all that isn't in a spool file. */
export const EAGER_LIMIT = 1_048_576;

export class MdaConnections {
  readonly #options: MdaOptions;
  #clients: SmtpClient[] = [];
  /** Octets under way on each. */
  readonly #load = new WeakMap<SmtpClient, number>();
  #opening: Promise<SmtpClient> | undefined;

  constructor(options: MdaOptions) {
    this.#options = options;
  }

  /** Never throws; after the deadline the outcome is `lost`. A message that must be streamed gets a connection of its own. */
  async send(message: OutgoingMessage): Promise<TransactionResult> {
    let client: SmtpClient | undefined;
    let expired = false;
    const cancel = this.#options.clock.after(this.#options.deadlineMs, () => {
      expired = true;
      client?.destroy();
    });
    try {
      const alone = typeof message.content === 'function' || message.content.length > EAGER_LIMIT;
      client = alone ? await this.#open() : await this.#shared(message.size);
      if (expired) client.destroy();
      const result = await this.#send(client, message);
      if (alone) void client.quit();
      return result;
    } catch (error) {
      this.#options.log.warn({ err: error }, 'cannot reach the MDA');
      const stage = error instanceof ClientError ? error.stage : 'connect';
      const cause = error instanceof Error ? error : new Error(String(error));
      return { recipients: message.recipients.map(() => ({ kind: 'lost', stage, error: cause })), dsnPassedOn: false };
    } finally {
      cancel();
    }
  }

  async close(): Promise<void> {
    const clients = this.#clients;
    this.#clients = [];
    await Promise.all(clients.map((client) => client.quit()));
  }

  async #send(client: SmtpClient, message: OutgoingMessage): Promise<TransactionResult> {
    this.#load.set(client, this.#loadOf(client) + message.size);
    try {
      return await client.send(message);
    } finally {
      this.#load.set(client, this.#loadOf(client) - message.size);
    }
  }

  #loadOf(client: SmtpClient): number {
    return this.#load.get(client) ?? 0;
  }

  async #shared(size: number): Promise<SmtpClient> {
    if (this.#clients.some((client) => !client.usable)) {
      this.#clients = this.#clients.filter((client) => client.usable);
    }
    const roomy = this.#clients.find((client) => this.#loadOf(client) + size <= FULL);
    if (roomy !== undefined) return roomy;
    const idlest = this.#clients.reduce<SmtpClient | undefined>(
      (best, client) => (best === undefined || this.#loadOf(client) < this.#loadOf(best) ? client : best),
      undefined,
    );
    if (idlest !== undefined && this.#clients.length >= CONNECTIONS) return idlest;
    this.#opening ??= this.#openShared();
    // While another connection comes up, those that are there go on.
    if (idlest === undefined) return this.#opening;
    this.#opening.catch(() => undefined);
    return idlest;
  }

  async #openShared(): Promise<SmtpClient> {
    try {
      const client = await this.#open();
      this.#clients.push(client);
      return client;
    } finally {
      this.#opening = undefined;
    }
  }

  #open(): Promise<SmtpClient> {
    const { clock, random, hostname, path, deadlineMs } = this.#options;
    const timeouts = { connect: deadlineMs, greeting: deadlineMs, command: deadlineMs };
    return SmtpClient.open({ path }, { clock, random, hostname, protocol: 'lmtp', timeouts, eagerLimit: EAGER_LIMIT });
  }
}
