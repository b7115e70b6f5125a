/**
 * Drains what accounts send by themselves, in one worker of the gateway at a time (rest/sending/leader.ts). All that it must know stands in rows of the outboxes, so that
 * another worker goes on where this one was killed.
 */
import { MailError } from '#mail/failure.ts';
import { AUTOMATIC } from '#store/automatic.ts';
import type { Notice } from '#store/change.ts';
import type { OutboxRow } from '#store/store.ts';
import type { AccountId } from '#store/types.ts';
import type { Duty } from '../rest/sending/leader.ts';
import { type AutomaticServices, sendAutomatic } from './send.ts';

/** At a time: the MTA stores in groups. */
const SENDING = 8;
/** Waits between tries at our own MTA, which is back soon when it isn't there. */
const WAITS = [1_000, 5_000, 30_000, 60_000, 300_000, 900_000];
/** Until an account whose outbox could not be read is looked at again. */
const LOOK_AGAIN = 5_000;
/** Rows that were done lately: a look that began before may still show them. */
const REMEMBERED = 1_000;

interface Entry {
  readonly owner: AccountId;
  readonly row: OutboxRow;
  tries: number;
  cancel: (() => void) | undefined;
}

export class AutomaticDrainer implements Duty {
  readonly #services: AutomaticServices;
  readonly #entries = new Map<string, Entry>();
  readonly #due: Entry[] = [];
  readonly #done = new Set<string>();
  /** Accounts that are being looked at; true: something has changed meanwhile. */
  readonly #looks = new Map<AccountId, boolean>();
  readonly #lookAgain = new Map<AccountId, () => void>();
  readonly #inHand = new Set<Promise<void>>();
  #sending = 0;
  #stopped = false;

  constructor(services: AutomaticServices) {
    this.#services = services;
  }

  async begin(): Promise<void> {
    for (const owner of await this.#services.store.outboxOwners(AUTOMATIC)) await this.#look(owner);
  }

  noticed({ account, types }: Notice): void {
    if (types.includes('outbox')) void this.#look(account);
  }

  /** Begins nothing more; resolves when what is in hand has ended. */
  async end(): Promise<void> {
    this.#stopped = true;
    for (const { cancel } of this.#entries.values()) cancel?.();
    for (const cancel of this.#lookAgain.values()) cancel();
    await Promise.all(this.#inHand);
  }

  /** One look at an account at a time: what is noticed meanwhile is looked at together. */
  async #look(owner: AccountId): Promise<void> {
    if (this.#stopped) return;
    const running = this.#looks.has(owner);
    this.#looks.set(owner, running);
    if (!running) await this.#hold(this.#lookAt(owner));
  }

  async #lookAt(owner: AccountId): Promise<void> {
    this.#lookAgain.get(owner)?.();
    this.#lookAgain.delete(owner);
    try {
      do {
        this.#looks.set(owner, false);
        const rows = await this.#services.store.outbox(owner);
        for (const row of rows) if (row.kind === AUTOMATIC) this.#add(owner, row);
      } while (this.#looks.get(owner) === true);
    } catch (error) {
      // Its rows went with it.
      if (error instanceof MailError && error.failure === 'no-such-account') return;
      this.#services.log.warn({ account: owner, err: error }, 'an outbox can not be read');
      if (this.#stopped) return;
      const again = this.#services.clock.after(LOOK_AGAIN, () => void this.#look(owner));
      this.#lookAgain.set(owner, again);
    } finally {
      this.#looks.delete(owner);
    }
  }

  #add(owner: AccountId, row: OutboxRow): void {
    if (this.#entries.has(row.id) || this.#done.has(row.id)) return;
    const entry: Entry = { owner, row, tries: 0, cancel: undefined };
    this.#entries.set(row.id, entry);
    this.#due.push(entry);
    this.#next();
  }

  #next(): void {
    while (!this.#stopped && this.#sending < SENDING) {
      const entry = this.#due.shift();
      if (entry === undefined) return;
      this.#sending += 1;
      void this.#hold(this.#send(entry));
    }
  }

  async #send(entry: Entry): Promise<void> {
    const { log } = this.#services;
    const { owner, row } = entry;
    const result = await sendAutomatic(this.#services, owner, row).catch((error: unknown) => {
      log.warn({ account: owner, row: row.id, err: error }, 'an automatic message can not be sent yet');
      return 'again' as const;
    });
    this.#sending -= 1;
    if (result === 'done') this.#forget(row.id);
    else this.#wait(entry);
    this.#next();
  }

  #forget(id: string): void {
    this.#entries.delete(id);
    this.#done.add(id);
    const [oldest] = this.#done.size > REMEMBERED ? this.#done : [];
    if (oldest !== undefined) this.#done.delete(oldest);
  }

  #wait(entry: Entry): void {
    if (this.#stopped) return;
    const wait = WAITS[Math.min(entry.tries++, WAITS.length - 1)]!;
    entry.cancel = this.#services.clock.after(wait, () => {
      entry.cancel = undefined;
      this.#due.push(entry);
      this.#next();
    });
  }

  #hold(work: Promise<void>): Promise<void> {
    const held = work.finally(() => this.#inHand.delete(held));
    this.#inHand.add(held);
    return held;
  }
}
