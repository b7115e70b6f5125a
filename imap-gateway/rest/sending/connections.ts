/** Connections to our MTA, kept for a moment after use: a session costs several times what a message does. Each is one account's (`AUTH EXTERNAL`) and stays so. */
import type { Clock } from '#runtime/ambient.ts';
import type { SmtpClient } from '#runtime/smtp/client.ts';

export interface Lent {
  readonly client: SmtpClient;
  /** It served before: what is wrong with it says nothing about the MTA. */
  readonly reused: boolean;
}

export interface ConnectionsOptions {
  readonly clock: Pick<Clock, 'after'>;
  /** Opens one and logs in. */
  readonly open: (account: string) => Promise<SmtpClient>;
}

/** Milliseconds: a script that sends one message after the other, and nobody who has gone. */
const IDLE = 3_000;
/** Messages, after which the MTA's workers may share the load anew. */
const MESSAGES = 100;
/** Unused ones, of all accounts. */
const MOST_IDLE = 32;

interface Slot {
  readonly client: SmtpClient;
  readonly account: string;
  uses: number;
  cancel: (() => void) | undefined;
}

export class Connections {
  readonly #options: ConnectionsOptions;
  /** The one that was used last is the last. */
  readonly #idle = new Set<Slot>();
  readonly #lent = new Map<SmtpClient, Slot>();
  #closed = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** @throws ClientError when none can be opened. */
  async borrow(account: string, fresh = false): Promise<Lent> {
    const known = fresh ? undefined : this.#take(account);
    const slot = known ?? { client: await this.#options.open(account), account, uses: 0, cancel: undefined };
    this.#lent.set(slot.client, slot);
    return { client: slot.client, reused: known !== undefined };
  }

  giveBack({ client }: Lent): void {
    const slot = this.#lent.get(client);
    this.#lent.delete(client);
    if (slot === undefined) return;
    slot.uses += 1;
    if (this.#closed || slot.uses >= MESSAGES || client.spent || !client.usable) {
      void client.quit();
      return;
    }
    slot.cancel = this.#options.clock.after(IDLE, () => this.#end(slot));
    this.#idle.add(slot);
    const [oldest] = this.#idle.size > MOST_IDLE ? this.#idle : [];
    if (oldest !== undefined) this.#end(oldest);
  }

  /** Those that are lent follow when they are given back. */
  close(): void {
    this.#closed = true;
    for (const slot of this.#idle) this.#end(slot);
  }

  #take(account: string): Slot | undefined {
    for (const slot of [...this.#idle].reverse()) {
      if (slot.account !== account) continue;
      this.#idle.delete(slot);
      slot.cancel?.();
      if (slot.client.usable) return slot;
      slot.client.destroy();
    }
    return undefined;
  }

  #end(slot: Slot): void {
    this.#idle.delete(slot);
    slot.cancel?.();
    void slot.client.quit();
  }
}
