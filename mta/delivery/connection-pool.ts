/**
 * Connections to next hops, kept for a while after use (RFC 5321 §4.5.4.1 wants many messages over one connection). TLS is opportunistic
 * (RFC 7435): used when offered, with any certificate, and given up for clear text when it fails, over a new connection.
 */
import { isIP } from 'node:net';
import type { Clock, Log } from '#runtime/ambient.ts';
import { type ClientOptions, SmtpClient } from '#runtime/smtp/client.ts';
import type { ClientTimeouts } from '#runtime/smtp/client-types.ts';
import { ClientError } from '#runtime/smtp/client-types.ts';
import type { NextHop } from '../routing/next-hops.ts';
import { enterSmarthost, type SmarthostLogin, verifiedTls } from './smarthost.ts';

export interface PoolOptions {
  readonly clock: Clock;
  readonly random: ClientOptions['random'];
  readonly log: Log;
  readonly hostname: string;
  readonly timeouts?: Partial<ClientTimeouts>;
  /** Asked for each connection to a hop with `login`. */
  readonly smarthostLogin?: () => Promise<SmarthostLogin>;
  /** Milliseconds that an unused connection stays open. Peers hang up after minutes and dislike being held. */
  readonly idleMs?: number;
  /** After so many messages a connection is closed, so that load spreads over a peer's hosts. */
  readonly messagesPerConnection?: number;
}

export interface PooledClient {
  readonly client: SmtpClient;
  /** It served before: if the peer has just hung up, that says nothing about the peer. */
  readonly reused: boolean;
}

interface Slot {
  readonly client: SmtpClient;
  uses: number;
  cancelIdle: (() => void) | undefined;
}

const IDLE_MS = 10_000;
const MESSAGES = 100;
/** Unused connections to one place: as many as may be busy there by default, or a burst would open them anew each time. */
const IDLE_PER_HOP = 20;

export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #idle = new Map<string, Slot[]>();
  readonly #busy = new Map<SmtpClient, Slot>();
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Throws `ClientError`. */
  async acquire(hop: NextHop, fresh = false): Promise<PooledClient> {
    const slot = fresh ? undefined : this.#takeIdle(keyOf(hop));
    if (slot !== undefined) {
      this.#busy.set(slot.client, slot);
      return { client: slot.client, reused: true };
    }
    const client = await this.#open(hop);
    this.#busy.set(client, { client, uses: 0, cancelIdle: undefined });
    return { client, reused: false };
  }

  /** @param keep false for a connection that has nothing more to give. */
  release(hop: NextHop, client: SmtpClient, keep = true): void {
    const slot = this.#busy.get(client);
    this.#busy.delete(client);
    if (slot === undefined) return;
    slot.uses += 1;
    const key = keyOf(hop);
    const idle = this.#idle.get(key) ?? [];
    const spent = slot.uses >= (this.#options.messagesPerConnection ?? MESSAGES) || idle.length >= IDLE_PER_HOP;
    if (this.#closed || !keep || spent || client.spent || !client.usable) {
      void client.quit();
      return;
    }
    slot.cancelIdle = this.#options.clock.after(this.#options.idleMs ?? IDLE_MS, () => this.#expire(key, slot));
    idle.push(slot);
    this.#idle.set(key, idle);
  }

  /** Says goodbye on unused connections; those in use follow when they are released, or are cut with `cut`. */
  async close(cut: boolean): Promise<void> {
    this.#closed = true;
    const slots = [...this.#idle.values()].flat();
    this.#idle.clear();
    for (const slot of slots) slot.cancelIdle?.();
    if (cut) for (const client of this.#busy.keys()) client.destroy();
    await Promise.all(slots.map((slot) => slot.client.quit()));
  }

  #takeIdle(key: string): Slot | undefined {
    const idle = this.#idle.get(key);
    for (let slot = idle?.pop(); slot !== undefined; slot = idle?.pop()) {
      slot.cancelIdle?.();
      if (idle?.length === 0) this.#idle.delete(key);
      if (slot.client.usable) return slot;
      slot.client.destroy();
    }
    return undefined;
  }

  #expire(key: string, slot: Slot): void {
    const left = (this.#idle.get(key) ?? []).filter((other) => other !== slot);
    if (left.length === 0) this.#idle.delete(key);
    else this.#idle.set(key, left);
    void slot.client.quit();
  }

  async #open(hop: NextHop): Promise<SmtpClient> {
    const { clock, random, hostname, timeouts, log } = this.#options;
    const options: ClientOptions = { clock, random, hostname, protocol: hop.protocol, ...(timeouts && { timeouts }) };
    if (hop.login === true) return this.#openSmarthost(hop, options);
    const tls = { rejectUnauthorized: false, ...(isIP(hop.host) === 0 && { servername: hop.host }) };
    if (hop.implicitTls === true) return SmtpClient.open(hop.target, { ...options, implicitTls: tls });
    const client = await SmtpClient.open(hop.target, options);
    if (!client.extensions.has('STARTTLS')) return client;
    try {
      await client.startTls(tls);
      return client;
    } catch (error) {
      if (!(error instanceof ClientError) || error.stage === 'hello') {
        client.destroy();
        throw error;
      }
      log.info({ host: hop.host, reason: error.reply?.code ?? String(error.cause) }, 'no TLS with this host');
      if (client.usable) return client;
      // RFC 7435 §3: clear text is better than no mail, where nobody asked for more.
      return await SmtpClient.open(hop.target, options);
    }
  }

  async #openSmarthost(hop: NextHop, options: ClientOptions): Promise<SmtpClient> {
    const login = await this.#options.smarthostLogin?.();
    if (login === undefined) throw new Error('no login for the smarthost');
    const implicitTls = hop.implicitTls && verifiedTls(hop.host, login);
    const client = await SmtpClient.open(hop.target, { ...options, ...(implicitTls && { implicitTls }) });
    try {
      await enterSmarthost(client, hop.host, login);
      return client;
    } catch (error) {
      client.destroy();
      throw error;
    }
  }
}

function keyOf(hop: NextHop): string {
  if ('path' in hop.target) return hop.target.path;
  return `${hop.protocol} ${hop.host} ${hop.target.host} ${hop.target.port}${hop.login === true ? ' login' : ''}`;
}
