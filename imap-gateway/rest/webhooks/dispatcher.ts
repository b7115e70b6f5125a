/** All endpoints of all accounts, at work in the worker that leads (`../sending/leader.ts`). */
import { MailError } from '#mail/failure.ts';
import type { Access, AccountId, ModSeq } from '#store/types.ts';
import type { Duty } from '../sending/leader.ts';
import { webhooksModseq } from './change.ts';
import { Endpoint, type EndpointServices } from './endpoint.ts';
import { readWebhooks, STANDING } from './webhook.ts';

/** Until an account whose rows could not be read is looked at again. */
const AGAIN_MS = 5_000;

export class Dispatcher implements Duty {
  readonly #services: EndpointServices;
  readonly #accounts = new Map<AccountId, Map<string, Endpoint>>();
  readonly #looking = new Map<AccountId, Promise<void>>();
  readonly #again = new Map<AccountId, () => void>();
  /** Of webhooks at the last look. */
  readonly #seen = new Map<AccountId, ModSeq>();
  #stopped = false;

  constructor(services: EndpointServices) {
    this.#services = services;
  }

  async begin(): Promise<void> {
    const owners = await this.#services.store.outboxOwners(STANDING);
    for (const owner of new Set([...owners, ...this.#accounts.keys()])) await this.#look(owner, true);
  }

  noticed({ account, types }: Parameters<Duty['noticed']>[0]): void {
    for (const endpoint of this.#accounts.get(account)?.values() ?? []) endpoint.ring();
    if (types.includes('record') || types.includes('account')) void this.#look(account);
  }

  async end(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#again.values()) cancel();
    await Promise.all(this.#looking.values());
    const all = [...this.#accounts.values()].flatMap((endpoints) => [...endpoints.values()]);
    await Promise.all(all.map((endpoint) => endpoint.stop()));
  }

  /** One look at an account at a time. Does not reject. @param anew whatever was seen before. */
  #look(owner: AccountId, anew = false): Promise<void> {
    const next = (this.#looking.get(owner) ?? Promise.resolve())
      .then(() => this.#compare(owner, anew))
      .catch((error: unknown) => this.#lookAgain(owner, error))
      .finally(() => {
        if (this.#looking.get(owner) === next) this.#looking.delete(owner);
      });
    this.#looking.set(owner, next);
    return next;
  }

  /** What is at work goes on meanwhile. */
  #lookAgain(owner: AccountId, error: unknown): void {
    const { clock, log } = this.#services;
    log.warn({ owner, err: error }, 'webhooks can not be read');
    this.#again.get(owner)?.();
    if (this.#stopped) return;
    const later = (): void => {
      this.#again.delete(owner);
      void this.#look(owner, true);
    };
    this.#again.set(owner, clock.after(AGAIN_MS, later));
  }

  async #modseq(access: Access): Promise<ModSeq | undefined> {
    try {
      return await webhooksModseq(this.#services.store, access);
    } catch (error) {
      if (error instanceof MailError && error.failure === 'no-such-account') return undefined;
      throw error;
    }
  }

  async #outbox(owner: AccountId): ReturnType<EndpointServices['store']['outbox']> {
    try {
      return await this.#services.store.outbox(owner);
    } catch (error) {
      if (error instanceof MailError && error.failure === 'no-such-account') return [];
      throw error;
    }
  }

  /** Endpoints as the records want them; none for an account that has gone. */
  async #compare(owner: AccountId, anew: boolean): Promise<void> {
    if (this.#stopped) return;
    const access = { owner, viewer: owner };
    // Accounts change all the time, webhooks seldom.
    const modseq = await this.#modseq(access);
    if (!anew && modseq === this.#seen.get(owner)) return;
    const rows = await this.#outbox(owner);
    const standing = rows.some(({ kind }) => kind === STANDING);
    const kept = standing
      ? (await readWebhooks(this.#services.store, access)).filter(({ webhook }) => webhook.enabled)
      : [];
    const endpoints = this.#accounts.get(owner) ?? new Map<string, Endpoint>();
    for (const [id, endpoint] of endpoints) {
      if (kept.some((one) => one.id === id && one.modseq === endpoint.modseq)) continue;
      endpoints.delete(id);
      await endpoint.stop();
    }
    for (const one of kept) {
      if (!endpoints.has(one.id)) endpoints.set(one.id, new Endpoint(this.#services, access, one));
    }
    // Also one whose webhooks are all switched off: they may be switched on again.
    if (standing) this.#accounts.set(owner, endpoints);
    else this.#accounts.delete(owner);
    if (modseq === undefined) this.#seen.delete(owner);
    else this.#seen.set(owner, modseq);
  }
}
